# cython: language_level=3
"""What an extension was built from: `build.py` gives it to the compiler, `__init__.py` compares."""

cdef extern from *:
    """
    #ifndef CONCORD_SOURCES
    #define CONCORD_SOURCES ""
    #endif
    """
    const char* CONCORD_SOURCES
