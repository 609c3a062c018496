# cython: language_level=3
"""Writes values as Avro: one walk over a tree of forms into one buffer.

A fast path, not a second opinion: whatever is not plainly right makes it give up, and the generated Python writer does
the value again, from the beginning. So both refuse the same values with the same words, and nothing is decided here.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_CheckExact, PyDict_GetItemWithError, PyDict_Next, PyDict_Size
from cpython.float cimport PyFloat_AsDouble, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_CheckExact
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_CheckExact
from cpython.unicode cimport PyUnicode_AsUTF8String, PyUnicode_Check
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free

from connectors.avro.native.buffer cimport VARINT_MAX, Out, put_block, put_varint, reserve
from connectors.avro.native.sources cimport CONCORD_SOURCES

cdef extern from "Python.h":
    bint PyUnicode_IS_READY(object text)
    bint PyUnicode_IS_ASCII(object text)
    void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    int PyFloat_Pack4(double value, char* into, int little_endian) except -1
    int PyFloat_Pack8(double value, char* into, int little_endian) except -1

#: what this was built from
SOURCES = CONCORD_SOURCES.decode()

cdef enum:
    ON_STACK = 2048

cdef enum:
    NULL_VALUE, BOOLEAN, INT, LONG, FLOAT, DOUBLE, BYTES, STRING, FIXED, ENUM, RECORD, ARRAY, MAP

#: what a form may be of
KINDS = {
    "null": NULL_VALUE, "boolean": BOOLEAN, "int": INT, "long": LONG, "float": FLOAT, "double": DOUBLE, "bytes": BYTES,
    "string": STRING, "fixed": FIXED, "enum": ENUM, "record": RECORD, "array": ARRAY, "map": MAP,
}


cdef class Form:
    """How one type is written. `null_tag` and `tag`: the branches of a nullable type as bytes, -1 where it is none."""

    cdef int kind, null_tag, tag
    cdef Py_ssize_t size
    cdef tuple names, defaults, parts
    cdef dict symbols
    cdef object convert, missing

    def __cinit__(
        self, int kind, *, int null_tag=-1, int tag=-1, Py_ssize_t size=0, tuple names=(), tuple defaults=(),
        tuple parts=(), dict symbols=None, object convert=None, object missing=None,
    ):
        """`parts`: fields of a record, or the one item; `defaults`: `missing` where there is none; `symbols`: their bytes."""
        if kind == RECORD and not len(names) == len(defaults) == len(parts) or kind in (ARRAY, MAP) and len(parts) != 1:
            raise ValueError("a form's parts do not match")
        if any(not isinstance(part, Form) for part in parts):
            raise TypeError("a form's parts are forms")
        self.kind, self.null_tag, self.tag, self.size = kind, null_tag, tag, size
        self.names, self.defaults, self.parts = names, defaults, parts
        self.symbols = symbols if symbols is not None else {}
        self.convert, self.missing = convert, missing


cdef int put_text(Out* out, object text) except -1:
    if not PyUnicode_Check(text):
        raise ValueError
    if PyUnicode_IS_READY(text) and PyUnicode_IS_ASCII(text):
        return put_block(out, PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text), True)
    cdef bytes encoded = PyUnicode_AsUTF8String(text)
    return put_block(out, PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded), True)


cdef int put_integer(Out* out, object value, bint narrow) except -1:
    cdef int beyond = 0
    cdef int64_t number
    if not PyLong_CheckExact(value):
        raise ValueError
    number = PyLong_AsLongLongAndOverflow(value, &beyond)
    if beyond or narrow and not -2147483648 <= number <= 2147483647:
        raise ValueError
    reserve(out, VARINT_MAX)
    put_varint(out, (<uint64_t>number << 1) ^ <uint64_t>(number >> 63))
    return 0


cdef int put_float(Out* out, object value, bint narrow) except -1:
    if not PyFloat_CheckExact(value) and not PyLong_CheckExact(value):
        raise ValueError
    cdef double number = PyFloat_AsDouble(value)
    reserve(out, 8)
    if narrow:
        PyFloat_Pack4(number, out.data + out.size, 1)
    else:
        PyFloat_Pack8(number, out.data + out.size, 1)
    out.size += 4 if narrow else 8
    return 0


cdef int put_record(Out* out, Form form, object value) except -1:
    """Exactly the schema's fields; one that has a default may be absent."""
    cdef Py_ssize_t found = 0, i
    cdef PyObject* item
    if not PyDict_CheckExact(value):
        raise ValueError
    for i in range(len(form.names)):
        item = PyDict_GetItemWithError(value, form.names[i])
        if item != NULL:
            found += 1
            held = <object>item
        else:
            held = form.defaults[i]
            if held is form.missing:
                raise ValueError
        put(out, <Form>form.parts[i], held)
    if found != PyDict_Size(value):
        raise ValueError
    return 0


cdef int put_items(Out* out, Form form, object value) except -1:
    """An array or a map: one block of items and the end mark."""
    cdef Form part = <Form>form.parts[0]
    cdef PyObject* key = NULL
    cdef PyObject* item = NULL
    cdef Py_ssize_t position = 0, count, done = 0
    if form.kind == MAP and not PyDict_CheckExact(value):
        raise ValueError
    if form.kind == ARRAY and not PyList_CheckExact(value) and not PyTuple_CheckExact(value):
        raise ValueError
    count = len(value)
    reserve(out, VARINT_MAX)
    if count:
        put_varint(out, <uint64_t>count << 1)
    if form.kind == ARRAY:
        for held in value:
            put(out, part, held)
            done += 1
    else:
        while PyDict_Next(value, &position, &key, &item):
            name, held = <object>key, <object>item
            put_text(out, name)
            put(out, part, held)
            done += 1
    if done != count or len(value) != count:
        raise ValueError
    reserve(out, 1)
    out.data[out.size] = 0
    out.size += 1
    return 0


cdef int put_scalar(Out* out, Form form, object value) except -1:
    """The rarer types."""
    cdef bytes raw
    if form.kind == NULL_VALUE:
        if value is not None:
            raise ValueError
    elif form.kind == BOOLEAN:
        if value is not True and value is not False:
            raise ValueError
        reserve(out, 1)
        out.data[out.size] = value is True
        out.size += 1
    elif form.kind == FLOAT or form.kind == DOUBLE:
        put_float(out, value, form.kind == FLOAT)
    elif form.kind == BYTES or form.kind == FIXED:
        if not PyBytes_CheckExact(value) or form.kind == FIXED and PyBytes_GET_SIZE(value) != form.size:
            raise ValueError
        put_block(out, PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value), form.kind == BYTES)
    elif form.kind == ENUM:
        raw = form.symbols[value]
        put_block(out, PyBytes_AS_STRING(raw), PyBytes_GET_SIZE(raw), False)
    else:
        raise ValueError
    return 0


cdef int put(Out* out, Form form, object value) except -1:
    """One value."""
    if form.tag >= 0:
        reserve(out, 1)
        out.data[out.size] = <char>(form.null_tag if value is None else form.tag)
        out.size += 1
        if value is None:
            return 0
    if form.convert is not None:
        value = form.convert(value)
    if form.kind == STRING:
        return put_text(out, value)
    if form.kind == LONG or form.kind == INT:
        return put_integer(out, value, form.kind == INT)
    if form.kind == RECORD:
        return put_record(out, form, value)
    if form.kind == ARRAY or form.kind == MAP:
        return put_items(out, form, value)
    return put_scalar(out, form, value)


cdef class Writer:
    """Writes values of one schema behind a prefix."""

    cdef bytes prefix
    cdef Form form
    cdef object again

    def __cinit__(self, Form form not None, bytes prefix not None, object again):
        """`again(value)`: the generated writer, asked for what this one gives up on."""
        self.form, self.prefix, self.again = form, prefix, again

    def write(self, object value):
        """The frame of a value. Raises EncodeError."""
        cdef char first[ON_STACK]
        cdef Out out
        out.data, out.size, out.room, out.heap = first, 0, ON_STACK, NULL
        try:
            put_block(&out, PyBytes_AS_STRING(self.prefix), PyBytes_GET_SIZE(self.prefix), False)
            put(&out, self.form, value)
            return PyBytes_FromStringAndSize(out.data, out.size)
        except Exception:  # whatever it was, the generated writer meets it too, and says it in its own words
            return self.again(value)
        finally:
            free(out.heap)
