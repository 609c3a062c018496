# cython: language_level=3
"""Peeks polled records: key text and row tuple of each in one pass over its bytes.

What is not plainly right is not read here: the caller's careful way looks at it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_SET_ITEM
from libc.string cimport memcmp

from connectors.avro.native.boundary cimport BoundaryLane
from connectors.avro.native.cursor cimport Cursor, start
from connectors.avro.native.operation cimport Op, copied, fill
from connectors.avro.native.sources cimport CONCORD_SOURCES

#: what this was built from
SOURCES = CONCORD_SOURCES.decode()

cdef enum:

    OP = 1
    KEY = 2
    LINK = 6
    PARTITION = 7
    OFFSET = 8
    FRAME = 9
    PLACES = 12
    HEAD = 5


cdef class TextReader:
    """Reads some columns as one text; `template` has what stands for a null."""

    cdef Op op
    cdef tuple template
    cdef str separator
    cdef object again

    def __cinit__(self, Op op not None, tuple template not None, str separator not None, object again):
        """`again(frame, p)`: the generated reader, asked for what this one gives up on."""
        op.check(len(template))
        self.op, self.template, self.separator, self.again = op, template, separator, again

    cdef str text(self, object buf, Py_ssize_t p):
        cdef Cursor c
        start(&c, buf, p)
        row = copied(self.template)
        fill(self.op, &c, row)
        if c.at != c.end:
            raise ValueError
        return row[0] if len(row) == 1 else self.separator.join(row)

    def read(self, object buf, Py_ssize_t p=5):
        """The text of a frame. Raises DecodeError."""
        try:
            return self.text(buf, p)
        except Exception:  # whatever it was, the generated reader meets it too, and says it in its own words
            return self.again(buf, p)


cdef inline void put(tuple row, Py_ssize_t place, object value):
    """Replace a value of a row that nobody else has seen."""
    cdef PyObject* before = PyTuple_GET_ITEM(row, place)
    Py_INCREF(value)
    PyTuple_SET_ITEM(row, place, value)
    Py_DECREF(<object>before)


cdef class RowReader:
    """Reads a captured value as the row tuple of state/row.py.

    Places of the template beyond the row are columns that make up the link together.
    """

    cdef Op op
    cdef tuple template
    cdef str separator
    cdef object again

    def __cinit__(self, Op op not None, tuple template not None, str separator not None, object again):
        """`again(frame, partition, offset, key)`: the generated reader, asked for what this one gives up on."""
        if len(template) < PLACES:
            raise ValueError("a row has more places")
        op.check(len(template))
        self.op, self.template, self.separator, self.again = op, template, separator, again

    cdef tuple row(self, object buf, object partition, object offset, object key):
        cdef Cursor c
        start(&c, buf, HEAD)
        row = copied(self.template)
        fill(self.op, &c, row)
        if c.at != c.end:
            raise ValueError
        if len(row) > PLACES:
            link = self.separator.join(row[PLACES:])
            row = row[:PLACES]
            put(row, LINK, link)
        put(row, KEY, key)
        put(row, PARTITION, partition)
        put(row, OFFSET, offset)
        put(row, FRAME, buf)
        return row

    def read(self, object buf, object partition, object offset, object key):
        """The row of a frame. Raises DecodeError."""
        try:
            return self.row(buf, partition, offset, key)
        except Exception:  # whatever it was, the generated reader meets it too, and says it in its own words
            return self.again(buf, partition, offset, key)


cdef class Lane:
    """The readers of one table, by the first five bytes of keys and values; those used last are found at once.

    Keeps readers of this module only: a table whose schema they do not know goes the caller's way.
    """

    cdef object keys, values
    cdef bytes key_head, value_head
    cdef TextReader key
    cdef RowReader value
    cdef readonly object table

    def __cinit__(self, object table, object keys, object values):
        """`keys`, `values`: what the caller has compiled so far, bound methods of the readers above among it."""
        self.table, self.keys, self.values = table, keys, values
        self.key_head = self.value_head = b""

    cdef tuple row(self, object message):
        """The row of a record, or None: to be looked at with care."""
        key, value = message.key(), message.value()
        if not self.knows_key(key) or not self.knows_value(value):
            return None
        try:
            return self.value.row(value, message.partition(), message.offset(), self.key.text(key, HEAD))
        except Exception:  # whatever it was, the careful way meets it too, and gives it its code
            return None

    cdef bint knows_key(self, object key) except -1:
        """Find the reader of a key."""
        if not PyBytes_CheckExact(key) or PyBytes_GET_SIZE(key) < HEAD:
            return False
        if PyBytes_GET_SIZE(self.key_head) == HEAD:
            if memcmp(PyBytes_AS_STRING(key), PyBytes_AS_STRING(self.key_head), HEAD) == 0:
                return True
        found = getattr(self.keys.get(key[:HEAD]), "__self__", None)
        if not isinstance(found, TextReader):
            return False
        self.key, self.key_head = found, key[:HEAD]
        return True

    cdef bint knows_value(self, object value) except -1:
        """Find the reader of a value."""
        if not PyBytes_CheckExact(value) or PyBytes_GET_SIZE(value) < HEAD:
            return False
        if PyBytes_GET_SIZE(self.value_head) == HEAD:
            if memcmp(PyBytes_AS_STRING(value), PyBytes_AS_STRING(self.value_head), HEAD) == 0:
                return True
        found = getattr(self.values.get(value[:HEAD]), "__self__", None)
        if not isinstance(found, RowReader):
            return False
        self.value, self.value_head = found, value[:HEAD]
        return True


def peek_rows(
    dict lanes not None, str truncate not None, object messages, object event, object careful, list rows not None,
    list ends not None,
):
    """Append the rows of all messages and the ends of transactions.

    `careful(table, message)` takes what is odd, `event(topic, message)` what is of other topics. `lanes`: by topic;
    `truncate`: the operation that is odd.
    """
    cdef tuple row
    for message in messages:
        topic = message.topic()
        lane = lanes.get(topic)
        if isinstance(lane, Lane):
            row = (<Lane>lane).row(message)
            if row is not None and row[OP] != truncate:
                rows.append(row)
            else:
                careful((<Lane>lane).table, message)
            continue
        end = None
        if isinstance(lane, BoundaryLane):
            end = (<BoundaryLane>lane).end(message.value(), message.offset())
        if end is not None:
            ends.append(((<BoundaryLane>lane).source, end))
        else:
            event(topic or "", message)
