# cython: language_level=3
"""The bytes being written: they begin in memory of the caller and move to the heap when they become many."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport malloc, realloc
from libc.string cimport memcpy

cdef enum:
    VARINT_MAX = 10


cdef struct Out:
    char* data
    Py_ssize_t size
    Py_ssize_t room
    char* heap


cdef inline int grow(Out* out, Py_ssize_t more) except -1:
    """Room for `more` bytes; the first bytes lie on the stack."""
    cdef Py_ssize_t room = 2 * out.room + more
    cdef char* heap = <char*>realloc(out.heap, room) if out.heap != NULL else <char*>malloc(room)
    if heap == NULL:
        raise MemoryError
    if out.heap == NULL:
        memcpy(heap, out.data, out.size)
    out.heap = out.data = heap
    out.room = room
    return 0


cdef inline int reserve(Out* out, Py_ssize_t more) except -1:
    if out.room - out.size < more:
        grow(out, more)
    return 0


cdef inline void put_varint(Out* out, uint64_t z) noexcept:
    """The caller has reserved VARINT_MAX bytes."""
    while z > 127:
        out.data[out.size] = <char>(z & 127 | 128)
        out.size += 1
        z >>= 7
    out.data[out.size] = <char>z
    out.size += 1


cdef inline int put_block(Out* out, const void* data, Py_ssize_t size, bint with_length) except -1:
    reserve(out, size + VARINT_MAX)
    if with_length:
        put_varint(out, <uint64_t>size << 1)
    memcpy(out.data + out.size, data, size)
    out.size += size
    return 0
