-- The demo company's support desk: an organization knows billing's account only as free text.
CREATE TABLE organizations (
    id bigserial PRIMARY KEY,
    name text NOT NULL,
    account_ref text,                               -- free text: ' a-000017 ' means A-000017
    service_level text NOT NULL DEFAULT 'none',     -- none, standard, premium, enterprise
    delinquent boolean NOT NULL DEFAULT false,
    version integer NOT NULL DEFAULT 1
);
CREATE TABLE cases (
    id bigserial PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES organizations ON DELETE CASCADE,
    subject text NOT NULL,
    status text NOT NULL,                           -- open, pending, resolved
    severity integer NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz
);
CREATE TABLE case_events (
    id bigserial PRIMARY KEY,
    case_id bigint NOT NULL REFERENCES cases ON DELETE CASCADE,
    kind text NOT NULL,
    note text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON cases (organization_id);
CREATE INDEX ON case_events (case_id);
CREATE UNIQUE INDEX ON organizations (upper(trim(account_ref)));
CREATE TABLE idempotency_keys (
    key text PRIMARY KEY,
    response jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
