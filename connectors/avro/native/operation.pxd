# cython: language_level=3
"""What readers share: how one type is read, and how a flat row is filled."""

from libc.stdint cimport int64_t

from connectors.avro.native.cursor cimport Cursor


cdef class Op:
    cdef int kind, null_tag, tag
    cdef Py_ssize_t size, slot
    cdef bint kept, as_text, memo
    cdef object name, convert
    cdef tuple parts, symbols
    cdef dict mapping
    cdef bytes last_raw
    cdef object last_text, last_value
    cdef int64_t last_number

    cdef int check(self, Py_ssize_t slots) except -1


cdef object take(Op op, Cursor* c)
cdef int fill(Op op, Cursor* c, tuple row) except -1
cdef tuple copied(tuple template)
