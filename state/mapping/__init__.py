"""From a row image to a fact: values in canonical form, compiled mappers, objects of several rows."""
