-- The demo company's ERP: numeric major units; customers.code is billing's account number,
-- references are billing's numbers. Held at every commit: sales_invoices.total = sum(lines.amount).
CREATE TABLE customers (
    id bigserial PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    currency char(3) NOT NULL,
    version integer NOT NULL DEFAULT 1
);
CREATE TABLE sales_invoices (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    reference text NOT NULL UNIQUE,                 -- billing's invoice number
    state text NOT NULL,                            -- draft, posted, paid, cancelled
    total numeric(18,3) NOT NULL,
    posted_on date,
    version integer NOT NULL DEFAULT 1
);
CREATE TABLE sales_invoice_lines (
    id bigserial PRIMARY KEY,
    sales_invoice_id bigint NOT NULL REFERENCES sales_invoices ON DELETE CASCADE,
    description text NOT NULL,
    amount numeric(18,3) NOT NULL,
    period_from date,                               -- what revenue is recognised over, its end not included
    period_until date
);
CREATE TABLE receipts (
    id bigserial PRIMARY KEY,
    sales_invoice_id bigint NOT NULL REFERENCES sales_invoices ON DELETE CASCADE,
    reference text NOT NULL UNIQUE,                 -- PAY-<billing payment id>
    amount numeric(18,3) NOT NULL,
    received_on date NOT NULL
);
CREATE TABLE credit_notes (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers ON DELETE CASCADE,
    reference text NOT NULL UNIQUE,                 -- billing's credit number
    amount numeric(18,3) NOT NULL,
    posted_on date NOT NULL,
    version integer NOT NULL DEFAULT 1
);
CREATE INDEX ON sales_invoices (customer_id);
CREATE INDEX ON sales_invoice_lines (sales_invoice_id);
CREATE INDEX ON receipts (sales_invoice_id);
CREATE INDEX ON credit_notes (customer_id);
-- the HTTP service's own key store (not captured): one row a key, the answer that was given
CREATE TABLE idempotency_keys (
    key text PRIMARY KEY,
    response jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
