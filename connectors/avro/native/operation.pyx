# cython: language_level=3
"""Reads Avro values: one walk over a tree of operations that keeps the wanted values and steps over the others.

A fast path, not a second opinion: whatever is not plainly right makes it give up, and the generated Python reader reads
the frame again, from the beginning. So both refuse the same frames with the same words, and nothing is decided here.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE, PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp

from connectors.avro.native.cursor cimport Cursor, block, length, number, step, varint
from connectors.avro.native.sources cimport CONCORD_SOURCES

cdef extern from "Python.h":
    double PyFloat_Unpack4(const char* data, int little_endian) except? -1.0
    double PyFloat_Unpack8(const char* data, int little_endian) except? -1.0

#: what this was built from
SOURCES = CONCORD_SOURCES.decode()

cdef enum:
    NULL_VALUE, BOOLEAN, INT, LONG, FLOAT, DOUBLE, BYTES, STRING, FIXED, ENUM, RECORD, ARRAY, MAP, UNION, RAW
    NOWHERE = -1
    SLOTS_INSIDE = -2
    MEMO_BYTES_MAX = 32

#: what an operation may be of; raw keeps the bytes of the one type inside
KINDS = {
    "null": NULL_VALUE, "boolean": BOOLEAN, "int": INT, "long": LONG, "float": FLOAT, "double": DOUBLE, "bytes": BYTES,
    "string": STRING, "fixed": FIXED, "enum": ENUM, "record": RECORD, "array": ARRAY, "map": MAP, "union": UNION, "raw": RAW,
}

cdef class Op:
    """How one type is read. `null_tag` and `tag`: the branches of a nullable type as bytes, -1 where it is none.

    In a record read as a dictionary `kept` fields come under `name`. In a flat row the value goes to the cell `slot`;
    `memo` gives the same object again for the same value, `mapping` replaces texts, `as_text` writes numbers as text.
    """

    def __cinit__(
        self, int kind, *, int null_tag=-1, int tag=-1, Py_ssize_t size=0, object name=None, bint kept=False,
        Py_ssize_t slot=NOWHERE, tuple parts=(), tuple symbols=(), object convert=None, bint as_text=False,
        bint memo=False, dict mapping=None,
    ):
        """`parts`: fields of a record, branches of a union, or the one type inside; `slot` -2: there are some inside."""
        if size < 0 or any(not isinstance(part, Op) for part in parts):
            raise TypeError("an operation's parts are operations")
        if kind in (ARRAY, MAP, RAW) and len(parts) != 1 or slot == SLOTS_INSIDE and kind != RECORD:
            raise ValueError("an operation's parts do not match")
        self.kind, self.null_tag, self.tag, self.slot = kind, null_tag, tag, slot
        self.size = {BOOLEAN: 1, FLOAT: 4, DOUBLE: 8, FIXED: size}.get(kind, 0)
        self.name, self.kept, self.parts, self.symbols = name, kept, parts, symbols
        self.convert, self.as_text, self.memo, self.mapping = convert, as_text, memo, mapping

    cdef int check(self, Py_ssize_t slots) except -1:
        """Refuse cells that a row of so many does not have."""
        if self.slot >= slots:
            raise ValueError("a cell outside the row")
        for part in self.parts:
            (<Op>part).check(slots)
        return 0


cdef inline int present(Op op, Cursor* c) except -1:
    """Whether a nullable value is there; its branch is stepped over."""
    cdef int b = step(c, 1)[0]
    if b == op.tag:
        return 1
    if b != op.null_tag:
        raise ValueError
    return 0


cdef Op chosen(Op op, Cursor* c):
    """The branch of a union of several types."""
    cdef int b = step(c, 1)[0]
    if b & 1 or b >> 1 >= PyTuple_GET_SIZE(op.parts):
        raise ValueError
    return <Op>op.parts[b >> 1]


cdef int skip(Op op, Cursor* c) except -1:
    """Step over a value."""
    cdef uint64_t z = 0
    cdef Py_ssize_t count
    if op.tag >= 0 and not present(op, c):
        return 0
    if op.kind == INT or op.kind == LONG or op.kind == ENUM:
        varint(c, &z)
    elif op.kind == STRING or op.kind == BYTES:
        step(c, length(c))
    elif op.kind == RECORD:
        for part in op.parts:
            skip(<Op>part, c)
    elif op.kind == UNION:
        skip(chosen(op, c), c)
    elif op.kind == ARRAY or op.kind == MAP:
        count = block(c)
        while count:
            for _ in range(count):
                if op.kind == MAP:
                    step(c, length(c))
                skip(<Op>op.parts[0], c)
            count = block(c)
    elif op.kind == RAW:
        skip(<Op>op.parts[0], c)
    else:
        step(c, op.size)
    return 0


cdef object text(Op op, Cursor* c):
    """A text, from memory if it is the last one again."""
    cdef Py_ssize_t size = length(c)
    cdef const char* data = <const char*>step(c, size)
    if not op.memo or size > MEMO_BYTES_MAX:
        return PyUnicode_DecodeUTF8(data, size, NULL)
    if op.last_raw is not None and PyBytes_GET_SIZE(op.last_raw) == size:
        if memcmp(PyBytes_AS_STRING(op.last_raw), data, size) == 0:
            return op.last_text
    found = PyUnicode_DecodeUTF8(data, size, NULL)
    if op.mapping is not None:
        found = op.mapping.get(found, found)
    op.last_raw, op.last_text = PyBytes_FromStringAndSize(data, size), found
    return found


cdef object integer(Op op, Cursor* c):
    """A number, from memory if it is the last one again."""
    cdef int64_t n = 0
    number(c, &n, op.kind == INT)
    if op.as_text:
        return str(n)
    if not op.memo:
        return n
    if op.last_value is None or n != op.last_number:
        op.last_number, op.last_value = n, n
    return op.last_value


cdef object items(Op op, Cursor* c):
    """An array or a map."""
    cdef Op part = <Op>op.parts[0]
    cdef Py_ssize_t size, count = block(c)
    found, named = [], {}
    while count:
        for _ in range(count):
            if op.kind == ARRAY:
                found.append(take(part, c))
            else:
                size = length(c)
                name = PyUnicode_DecodeUTF8(<const char*>step(c, size), size, NULL)
                named[name] = take(part, c)
        count = block(c)
    return found if op.kind == ARRAY else named


cdef object record(Op op, Cursor* c):
    """A dictionary of the kept fields."""
    cdef dict found = {}
    for part in op.parts:
        if (<Op>part).kept:
            found[(<Op>part).name] = take(<Op>part, c)
        else:
            skip(<Op>part, c)
    return found


cdef object scalar(Op op, Cursor* c):
    """The rarer types."""
    cdef int64_t n = 0
    cdef const unsigned char* begin
    if op.kind == NULL_VALUE:
        return None
    if op.kind == ENUM:
        number(c, &n, True)
        if not 0 <= n < PyTuple_GET_SIZE(op.symbols):
            raise ValueError
        return op.symbols[n]
    if op.kind == RAW:
        begin = c.at
        skip(<Op>op.parts[0], c)
        return PyBytes_FromStringAndSize(<const char*>begin, c.at - begin)
    begin = step(c, length(c) if op.kind == BYTES else op.size)
    if op.kind == BOOLEAN:
        if begin[0] > 1:
            raise ValueError
        return begin[0] == 1
    if op.kind == FLOAT:
        return PyFloat_Unpack4(<const char*>begin, 1)
    if op.kind == DOUBLE:
        return PyFloat_Unpack8(<const char*>begin, 1)
    return PyBytes_FromStringAndSize(<const char*>begin, c.at - begin)


cdef object take(Op op, Cursor* c):
    """A value as it is wanted."""
    if op.tag >= 0 and not present(op, c):
        return None
    if op.kind == STRING:
        found = text(op, c)
    elif op.kind == LONG or op.kind == INT:
        found = integer(op, c)
    elif op.kind == RECORD:
        found = record(op, c)
    elif op.kind == ARRAY or op.kind == MAP:
        found = items(op, c)
    elif op.kind == UNION:
        found = take(chosen(op, c), c)
    else:
        found = scalar(op, c)
    return found if op.convert is None else op.convert(found)


cdef int fill(Op op, Cursor* c, tuple row) except -1:
    """Put the values of a record that have a cell into the row, which nobody else has seen; a null leaves what is there."""
    cdef PyObject* before
    cdef Op part
    if op.tag >= 0 and not present(op, c):
        return 0
    for item in op.parts:
        part = <Op>item
        if part.slot >= 0:
            value = take(part, c)
            if value is not None:
                before = PyTuple_GET_ITEM(row, part.slot)
                Py_INCREF(value)
                PyTuple_SET_ITEM(row, part.slot, value)
                Py_DECREF(<object>before)
        elif part.slot == SLOTS_INSIDE:
            fill(part, c, row)
        else:
            skip(part, c)
    return 0


cdef tuple copied(tuple template):
    """A new row with the values of another."""
    cdef Py_ssize_t size = PyTuple_GET_SIZE(template), place
    cdef tuple row = PyTuple_New(size)
    for place in range(size):
        value = template[place]
        Py_INCREF(value)
        PyTuple_SET_ITEM(row, place, value)
    return row
