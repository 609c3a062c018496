# cython: language_level=3
"""The value of a fact: header, account, link and the captured frame, as `connectors/facts.py` puts them together."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_AsUTF8String
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

from connectors.avro.native.sources cimport CONCORD_SOURCES

#: what this was built from
SOURCES = CONCORD_SOURCES.decode()

cdef enum:
    HEADER = 20
    TEXT_MAX = 65535


cdef inline char* put_number(char* into, uint64_t number, int size) noexcept:
    """Big endian; returns what comes next."""
    cdef int place
    for place in range(size):
        into[place] = <char>(number >> 8 * (size - 1 - place) & 255)
    return into + size


cdef inline char* put_bytes(char* into, bytes data) noexcept:
    memcpy(into, PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return into + PyBytes_GET_SIZE(data)


cdef class FactWriter:
    """Writes facts; `again` takes the same arguments and is asked for what this one gives up on."""

    cdef object again

    def __cinit__(self, object again):
        self.again = again

    def write(self, object account, object link, object position, object time_ms, object frame):
        """The value. Raises struct.error where a number or a text is too large."""
        cdef bytes who, what, value
        cdef uint64_t place
        cdef int64_t at
        cdef char* into
        try:
            if not PyBytes_CheckExact(frame) or position.__class__ is not int or time_ms.__class__ is not int:
                raise ValueError
            place, at = position, time_ms
            who, what = PyUnicode_AsUTF8String(account), PyUnicode_AsUTF8String(link)
            if PyBytes_GET_SIZE(who) > TEXT_MAX or PyBytes_GET_SIZE(what) > TEXT_MAX:
                raise ValueError
        except Exception:  # whatever it was, the other writer meets it too, and says it in its own words
            return self.again(account, link, position, time_ms, frame)
        value = PyBytes_FromStringAndSize(NULL, HEADER + PyBytes_GET_SIZE(who) + PyBytes_GET_SIZE(what) + PyBytes_GET_SIZE(frame))
        into = put_number(PyBytes_AS_STRING(value), place, 8)
        into = put_number(into, <uint64_t>at, 8)
        into = put_number(into, <uint64_t>PyBytes_GET_SIZE(who), 2)
        into = put_number(into, <uint64_t>PyBytes_GET_SIZE(what), 2)
        into = put_bytes(into, who)
        into = put_bytes(into, what)
        put_bytes(into, frame)
        return value
