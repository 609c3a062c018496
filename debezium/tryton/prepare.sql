-- Prepares the database of Tryton for capture. Run by `concord sources prepare`, or by the database's administrator with
--   psql -v capture_role=concord_capture -v capture_password=... -d tryton -f prepare.sql
-- Safe to run again: it converges to what is written here.

-- 1. A role that may replicate and read the captured tables, nothing else.
SELECT set_config('concord.capture_role', :'capture_role', false);
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = current_setting('concord.capture_role')) THEN
        EXECUTE format('CREATE ROLE %I', current_setting('concord.capture_role'));
    END IF;
END
$$;
ALTER ROLE :"capture_role" LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD :'capture_password';
GRANT USAGE ON SCHEMA public TO :"capture_role";
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"capture_role";
GRANT SELECT ON
    public.party_party, public.account_invoice, public.account_invoice_line, public.account_invoice_deferred, public.account_invoice_tax, public.account_move, public.account_move_line, public."account_invoice-account_move_line"
TO :"capture_role";

-- 2. The signal table: an INSERT here asks the connector for an incremental snapshot; the connector writes its watermarks.
CREATE TABLE IF NOT EXISTS public.debezium_signal (
    id varchar(64) PRIMARY KEY,
    type varchar(32) NOT NULL,
    data text
);
GRANT SELECT, INSERT ON public.debezium_signal TO :"capture_role";

-- 3. The publication: exactly the tables of connector.json's table.include.list. Never FOR ALL TABLES: it makes every
--    UPDATE and DELETE fail on tables that lack a primary key, and it publishes what nobody asked for.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'concord_tryton') THEN
        CREATE PUBLICATION concord_tryton;
    END IF;
END
$$;
ALTER PUBLICATION concord_tryton SET TABLE
    public.party_party, public.account_invoice, public.account_invoice_line, public.account_invoice_deferred, public.account_invoice_tax, public.account_move, public.account_move_line, public."account_invoice-account_move_line",
    public.debezium_signal;
