-- The demo company's CRM: sales keeps its key accounts here, by billing's account number.
CREATE TABLE customers (
    id bigserial PRIMARY KEY,
    account_number text NOT NULL UNIQUE,
    name text NOT NULL,
    plan text NOT NULL DEFAULT 'none',              -- none, standard, premium, enterprise
    currency char(3) NOT NULL,
    recurring_revenue numeric(18,3) NOT NULL DEFAULT 0,
    urgent_case text NOT NULL DEFAULT '',           -- the open severity-one case, as support numbers it
    version integer NOT NULL DEFAULT 1
);
-- the HTTP service's own key store (not captured): one row a key, the answer that was given
CREATE TABLE idempotency_keys (
    key text PRIMARY KEY,
    response jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
