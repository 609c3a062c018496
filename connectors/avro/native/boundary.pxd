# cython: language_level=3
"""What the loop of Peek needs of the transaction topics."""


cdef class BoundaryLane:
    cdef object begins, readers, end_of
    cdef Py_ssize_t source
    cdef bytes head
    cdef bint tells_begin
    cdef BoundaryReader reader

    cdef bint knows(self, object value) except -1
    cdef object end(self, object value, object offset)


cdef class BoundaryReader:
    cdef object op, again
    cdef object counts

    cdef tuple read_parts(self, object buf, Py_ssize_t p)
