# cython: language_level=3
"""Steps through the bytes of a frame, each checked against its end. What is not plainly right is a ValueError."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint64_t


cdef enum:
    EMPTY_ITEMS_MAX = 1000


cdef struct Cursor:
    const unsigned char* at
    const unsigned char* end


cdef inline int start(Cursor* c, object frame, Py_ssize_t p) except -1:
    """Stand at byte `p` of a frame, which has to outlive the cursor."""
    if not PyBytes_CheckExact(frame) or not 0 <= p <= PyBytes_GET_SIZE(frame):
        raise ValueError
    c.at = <const unsigned char*>PyBytes_AS_STRING(frame) + p
    c.end = <const unsigned char*>PyBytes_AS_STRING(frame) + PyBytes_GET_SIZE(frame)
    return 0


cdef inline const unsigned char* step(Cursor* c, Py_ssize_t size) except NULL:
    """Go over so many bytes, which are there; returns where they begin."""
    cdef const unsigned char* begin = c.at
    if c.end - begin < size:
        raise ValueError
    c.at = begin + size
    return begin


cdef inline int varint(Cursor* c, uint64_t* z) except -1:
    """A number of up to 64 bits, still in zigzag."""
    cdef const unsigned char* at = c.at
    cdef uint64_t n = 0
    cdef int shift = 0
    cdef unsigned char b
    while at < c.end:
        b = at[0]
        at += 1
        if shift == 63 and b > 1:
            break
        n |= <uint64_t>(b & 127) << shift
        if b < 128:
            z[0] = n
            c.at = at
            return 0
        shift += 7
    raise ValueError


cdef inline int number(Cursor* c, int64_t* n, bint narrow) except -1:
    """A number of 64 bits, or of 32."""
    cdef uint64_t z = 0
    varint(c, &z)
    if narrow and z >> 32:
        raise ValueError
    n[0] = <int64_t>(z >> 1) ^ -<int64_t>(z & 1)
    return 0


cdef inline Py_ssize_t length(Cursor* c) except -1:
    """A length whose bytes are there."""
    cdef uint64_t z = 0
    varint(c, &z)
    if z & 1 or z >> 1 > <uint64_t>(c.end - c.at):
        raise ValueError
    return <Py_ssize_t>(z >> 1)


cdef inline Py_ssize_t block(Cursor* c) except -1:
    """How many items the next block has, 0 at the end: not many more than bytes are left, for only a few are empty."""
    cdef int64_t count = 0
    cdef int64_t size = 0
    number(c, &count, False)
    if count < 0:
        number(c, &size, False)
        if size < 0 or count < -(c.end - c.at) - EMPTY_ITEMS_MAX:
            raise ValueError
        count = -count
    if count > c.end - c.at + EMPTY_ITEMS_MAX:
        raise ValueError
    return <Py_ssize_t>count
