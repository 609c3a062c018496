-- Run once by docker-compose.yml's PostgreSQL; the plain processes create the same (stack/layout.py: DATABASES).
create database billing;
create database erp;
create database support;
create database crm;
create database registry;
