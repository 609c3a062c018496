"""`concord mapping check`: a folder against language, schemas, catalogue and contracts."""
