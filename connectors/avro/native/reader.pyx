# cython: language_level=3
"""Readers of whole values, of nested parts and of flat rows."""

from connectors.avro.native.cursor cimport Cursor, start
from connectors.avro.native.operation cimport Op, copied, fill, take
from connectors.avro.native.sources cimport CONCORD_SOURCES

#: what this was built from
SOURCES = CONCORD_SOURCES.decode()


cdef class Reader:
    """Reads a whole value, or the wanted parts as dictionaries."""

    cdef Op op
    cdef bint whole
    cdef object again

    def __cinit__(self, Op op not None, bint whole, object again):
        """`again(frame, p)`: the generated reader, asked for what this one gives up on."""
        self.op, self.whole, self.again = op, whole, again

    def read(self, object buf, Py_ssize_t p=5):
        """The value of a frame. Raises DecodeError."""
        cdef Cursor c
        try:
            start(&c, buf, p)
            value = take(self.op, &c)
            if self.whole and c.at != c.end:
                raise ValueError
        except Exception:  # whatever it was, the generated reader meets it too, and says it in its own words
            return self.again(buf, p)
        return value


cdef class FlatReader:
    """Reads wanted values as a flat row; `template` has what stays where there is a null."""

    cdef Op op
    cdef bint whole
    cdef tuple template
    cdef object again

    def __cinit__(self, Op op not None, bint whole, tuple template not None, object again):
        op.check(len(template))
        self.op, self.whole, self.template, self.again = op, whole, template, again

    def read(self, object buf, Py_ssize_t p=5):
        """The row of a frame. Raises DecodeError."""
        cdef Cursor c
        try:
            start(&c, buf, p)
            row = copied(self.template)
            fill(self.op, &c, row)
            if self.whole and c.at != c.end:
                raise ValueError
        except Exception:  # whatever it was, the generated reader meets it too, and says it in its own words
            return self.again(buf, p)
        return row
