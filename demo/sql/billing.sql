-- The demo company's billing product: integer minor units, surrogate keys, the account only through chains.
-- Held at every commit: invoices.total_minor = sum(invoice_lines.amount_minor), and accounts.balance_minor =
-- sum(total of open and paid invoices) - sum(succeeded payments) + sum(refunds) - sum(credits).
CREATE TABLE accounts (
    id bigserial PRIMARY KEY,
    number text NOT NULL UNIQUE,
    name text NOT NULL,
    currency char(3) NOT NULL,
    region text NOT NULL,
    standing text NOT NULL DEFAULT 'good',          -- good, delinquent, closed
    balance_minor bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE plans (
    code text PRIMARY KEY,
    name text NOT NULL,
    price_minor bigint NOT NULL
);
CREATE TABLE subscriptions (
    id bigserial PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    plan_code text NOT NULL REFERENCES plans,
    status text NOT NULL,                           -- trial, active, past_due, cancelled
    mrr_minor bigint NOT NULL,
    started_on date NOT NULL,
    paid_until timestamptz
);
CREATE TABLE usage (
    id bigserial PRIMARY KEY,
    subscription_id bigint NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    metric text NOT NULL,
    quantity numeric NOT NULL,
    used_at timestamptz NOT NULL
);
CREATE TABLE invoices (
    id bigserial PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    number text NOT NULL UNIQUE,
    status text NOT NULL,                           -- draft, open, paid, void
    total_minor bigint NOT NULL,
    issued_on date NOT NULL,
    due_on date NOT NULL
);
CREATE TABLE invoice_lines (
    id bigserial PRIMARY KEY,
    invoice_id bigint NOT NULL REFERENCES invoices ON DELETE CASCADE,
    description text NOT NULL,
    amount_minor bigint NOT NULL,
    subscription_id bigint REFERENCES subscriptions ON DELETE SET NULL,
    prorated boolean NOT NULL DEFAULT false,        -- for the part of a cycle behind a change of plan
    period_from date,                               -- the service, its end not included
    period_until date
);
CREATE TABLE payments (
    id bigserial PRIMARY KEY,
    invoice_id bigint NOT NULL REFERENCES invoices ON DELETE CASCADE,
    amount_minor bigint NOT NULL,
    status text NOT NULL,                           -- pending, succeeded, failed
    method text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE payment_allocations (                  -- only of a payment that pays several invoices; else payments.invoice_id says it
    id bigserial PRIMARY KEY,
    payment_id bigint NOT NULL REFERENCES payments ON DELETE CASCADE,
    invoice_id bigint NOT NULL REFERENCES invoices ON DELETE CASCADE,
    amount_minor bigint NOT NULL
);
CREATE TABLE refunds (
    id bigserial PRIMARY KEY,
    payment_id bigint NOT NULL REFERENCES payments ON DELETE CASCADE,
    invoice_id bigint REFERENCES invoices ON DELETE CASCADE,    -- of a payment that pays several: the one it is taken from
    amount_minor bigint NOT NULL,
    reason text NOT NULL,
    refunded_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE credits (
    id bigserial PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    number text NOT NULL UNIQUE,
    amount_minor bigint NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON subscriptions (account_id);
CREATE INDEX ON invoices (account_id);
CREATE INDEX ON invoice_lines (invoice_id);
CREATE INDEX ON payments (invoice_id);
CREATE INDEX ON payment_allocations (payment_id);
CREATE INDEX ON payment_allocations (invoice_id);
CREATE INDEX ON refunds (payment_id);
CREATE INDEX ON refunds (invoice_id);
CREATE INDEX ON credits (account_id);
CREATE INDEX ON usage (subscription_id);
INSERT INTO plans VALUES ('basic', 'Basic', 2900), ('pro', 'Pro', 9900), ('enterprise', 'Enterprise', 49900);
