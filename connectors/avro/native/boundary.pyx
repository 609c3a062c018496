# cython: language_level=3
"""BEGIN and END of the transaction topic of a source whose ids are `transaction:LSN`.

What is not plainly right is not read here: the caller's careful way looks at it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.string cimport memcmp

from connectors.avro.native.cursor cimport Cursor, start
from connectors.avro.native.operation cimport Op, copied, fill
from connectors.avro.native.sources cimport CONCORD_SOURCES

#: what this was built from
SOURCES = CONCORD_SOURCES.decode()

cdef enum:
    HEAD = 5
    DIGITS_MAX = 18
    ZERO = 48
    NINE = 57

cdef bytes BEGIN = b"\x0aBEGIN"
cdef tuple NOTHING = (None,) * 4


cdef class BoundaryReader:
    """Reads status, id, rows by table and time of an event."""

    def __cinit__(self, Op op not None, object counts, object again):
        """`counts`: Avro bytes to rows by table; `again(frame, p)`: the generated reader, for what this one gives up on."""
        op.check(len(NOTHING))
        self.op, self.counts, self.again = op, counts, again

    cdef tuple read_parts(self, object buf, Py_ssize_t p):
        cdef Cursor c
        start(&c, buf, p)
        row = copied(NOTHING)
        fill(<Op>self.op, &c, row)
        if c.at != c.end:
            raise ValueError
        return row[0], row[1], self.counts[row[2]], row[3]

    def read(self, object buf, Py_ssize_t p=5):
        """The parts of a frame. Raises DecodeError."""
        try:
            return self.read_parts(buf, p)
        except Exception:  # whatever it was, the generated reader meets it too, and says it in its own words
            return self.again(buf, p)


cdef Py_ssize_t digits(str text, Py_ssize_t begin, Py_ssize_t end) except -1:
    """A number of some digits."""
    cdef Py_ssize_t found = 0
    cdef Py_UCS4 c
    if not 0 < end - begin <= DIGITS_MAX:
        raise ValueError
    for place in range(begin, end):
        c = text[place]
        if not ZERO <= c <= NINE:
            raise ValueError
        found = found * 10 + <Py_ssize_t>c - ZERO
    return found


cdef class BoundaryLane:
    """One source's transaction topic. BEGIN is told by its bytes once the caller has met one of its schema."""

    def __cinit__(self, Py_ssize_t source, object readers, set begins not None, object end_of):
        """`readers`, `begins`: by the first five bytes, filled by the caller; `end_of` makes an END of its five values."""
        self.source, self.readers, self.begins, self.end_of = source, readers, begins, end_of
        self.head = b""

    cdef bint knows(self, object value) except -1:
        """Find the reader of a value, whose schema's BEGIN the caller has met."""
        if not PyBytes_CheckExact(value) or PyBytes_GET_SIZE(value) < HEAD:
            return False
        if PyBytes_GET_SIZE(self.head) == HEAD:
            if memcmp(PyBytes_AS_STRING(value), PyBytes_AS_STRING(self.head), HEAD) == 0:
                return True
        head = value[:HEAD]
        found = getattr(self.readers.get(head), "__self__", None)
        if head not in self.begins or not isinstance(found, BoundaryReader):
            return False
        self.reader, self.head = found, head
        return True

    cdef object end(self, object value, object offset):
        """The END, the offset of a BEGIN, or None: to be looked at with care."""
        if not self.knows(value):
            return None
        cdef Py_ssize_t size = PyBytes_GET_SIZE(BEGIN)
        if PyBytes_GET_SIZE(value) >= HEAD + size:
            if memcmp(PyBytes_AS_STRING(value) + HEAD, PyBytes_AS_STRING(BEGIN), size) == 0:
                return offset
        try:
            status, identity, counts, time_ms = self.reader.read_parts(value, HEAD)
            if status != "END":
                return None
            colon = (<str?>identity).index(":")
            number, position = digits(identity, 0, colon), digits(identity, colon + 1, len(identity))
        except Exception:  # whatever it was, the careful way meets it too, and gives it its code
            return None
        return self.end_of((number, position, counts, time_ms, offset))
