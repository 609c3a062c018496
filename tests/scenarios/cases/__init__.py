"""Cases from daily work, one a file: the file's name is the fact, wire bytes go in, published records come out."""
