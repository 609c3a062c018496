-- The billing database of an invented internet provider: the example of docs/onboarding-walk.md. Nothing in it is Concord's.
-- Amounts are decimals of euros and dollars, keys are uuids, numbers and pairs, and a bill knows its customer only through
-- its contract and the connection point that the contract is for.
CREATE SCHEMA crm;
CREATE SCHEMA fin;

CREATE TYPE crm.subscriber_state AS ENUM ('active', 'overdue', 'terminated');
CREATE TYPE crm.contract_state AS ENUM ('ordered', 'active', 'suspended', 'terminated');
CREATE TYPE fin.bill_state AS ENUM ('draft', 'sent', 'settled', 'cancelled');
CREATE DOMAIN fin.money_amount AS numeric(12, 2);

CREATE TABLE crm.subscribers (
    id uuid PRIMARY KEY,
    subscriber_no text NOT NULL UNIQUE,
    display_name text NOT NULL,
    currency char(3) NOT NULL,
    state crm.subscriber_state NOT NULL,
    region text,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN crm.subscribers.subscriber_no IS 'printed on every letter; the ERP and the support desk use it';

CREATE TABLE crm.connection_points (
    id uuid PRIMARY KEY,
    subscriber_id uuid NOT NULL REFERENCES crm.subscribers,
    street text NOT NULL,
    meter_serial text
);

CREATE TABLE crm.contracts (
    contract_id bigint PRIMARY KEY,
    connection_point_id uuid NOT NULL REFERENCES crm.connection_points,
    tariff text NOT NULL,
    service_class text NOT NULL CHECK (service_class IN ('home', 'business', 'carrier')),
    state crm.contract_state NOT NULL,
    monthly_fee fin.money_amount NOT NULL,
    start_date date NOT NULL,
    paid_until timestamp NOT NULL
);
COMMENT ON COLUMN crm.contracts.paid_until IS 'local time in Berlin';

CREATE TABLE crm.data_volumes (
    contract_id bigint NOT NULL REFERENCES crm.contracts,
    metric text NOT NULL,
    measured_at timestamptz NOT NULL,
    quantity numeric(14, 3) NOT NULL,
    PRIMARY KEY (contract_id, metric, measured_at)
);

CREATE TABLE fin.bills (
    id uuid PRIMARY KEY,
    bill_no text NOT NULL UNIQUE,
    contract_id bigint NOT NULL REFERENCES crm.contracts,
    status fin.bill_state NOT NULL,
    total fin.money_amount NOT NULL,
    vat fin.money_amount NOT NULL,
    issued_on date,
    due_date date
);

CREATE TABLE fin.bill_positions (
    bill_id uuid NOT NULL REFERENCES fin.bills,
    position_no integer NOT NULL,
    description text,
    amount fin.money_amount NOT NULL,
    PRIMARY KEY (bill_id, position_no)
);

CREATE TABLE fin.payments (
    payment_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bill_id uuid NOT NULL REFERENCES fin.bills,
    amount fin.money_amount NOT NULL,
    state text NOT NULL CHECK (state IN ('initiated', 'booked', 'bounced')),
    method text,
    booked_at timestamptz
);

CREATE TABLE fin.chargebacks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id bigint NOT NULL REFERENCES fin.payments,
    amount fin.money_amount NOT NULL,
    reason text
);

-- Nobody's business: what a whole-schema capture would carry off.
CREATE TABLE crm.staff_logins (login text PRIMARY KEY, password_hash text NOT NULL);
CREATE TABLE fin.import_log (line text, imported_at timestamptz);

INSERT INTO crm.subscribers (id, subscriber_no, display_name, currency, state, region) VALUES
    ('11111111-0000-4000-8000-000000000001', 'FN-1001', 'Cafe Morgenrot', 'EUR', 'active', 'north'),
    ('11111111-0000-4000-8000-000000000002', 'FN-1002', 'Lindner Logistics', 'EUR', 'overdue', 'south'),
    ('11111111-0000-4000-8000-000000000003', 'FN-1003', 'Harbor Books', 'USD', 'active', NULL);
INSERT INTO crm.connection_points (id, subscriber_id, street, meter_serial) VALUES
    ('22222222-0000-4000-8000-000000000001', '11111111-0000-4000-8000-000000000001', 'Quay 4', 'M-77'),
    ('22222222-0000-4000-8000-000000000002', '11111111-0000-4000-8000-000000000002', 'Dock 9', NULL),
    ('22222222-0000-4000-8000-000000000003', '11111111-0000-4000-8000-000000000003', 'Pier 1', 'M-79');
INSERT INTO crm.contracts VALUES
    (501, '22222222-0000-4000-8000-000000000001', 'fibre-500', 'business', 'active', 59.90, '2026-01-31', '2099-02-01 00:00'),
    (502, '22222222-0000-4000-8000-000000000002', 'fibre-100', 'home', 'suspended', 34.95, '2026-03-01', '2099-02-01 00:00'),
    (503, '22222222-0000-4000-8000-000000000003', 'fibre-1000', 'carrier', 'active', 120.00, '2026-05-15', '2099-02-01 00:00');
INSERT INTO crm.data_volumes VALUES
    (501, 'gigabytes', '2026-06-01 10:00+02', 12.500), (501, 'gigabytes', '2026-06-02 10:00+02', 0.125);
INSERT INTO fin.bills VALUES
    ('33333333-0000-4000-8000-000000000001', 'B-9001', 501, 'settled', 59.90, 9.56, '2026-06-01', '2026-06-15'),
    ('33333333-0000-4000-8000-000000000002', 'B-9002', 501, 'sent', 64.85, 10.35, '2026-07-01', '2026-07-15'),
    ('33333333-0000-4000-8000-000000000003', 'B-9003', 502, 'sent', 34.95, 5.58, '2026-07-01', '2026-07-15');
INSERT INTO fin.bill_positions VALUES
    ('33333333-0000-4000-8000-000000000001', 1, 'fibre-500, June', 59.90),
    ('33333333-0000-4000-8000-000000000002', 1, 'fibre-500, July', 59.90),
    ('33333333-0000-4000-8000-000000000002', 2, 'static address', 4.95),
    ('33333333-0000-4000-8000-000000000003', 1, 'fibre-100, July', 34.95);
INSERT INTO fin.payments (bill_id, amount, state, method, booked_at) VALUES
    ('33333333-0000-4000-8000-000000000001', 59.90, 'booked', 'direct debit', '2026-06-10 08:00+00'),
    ('33333333-0000-4000-8000-000000000002', 20.00, 'booked', 'transfer', '2026-07-10 08:00+00');
INSERT INTO fin.chargebacks (payment_id, amount, reason) VALUES (2, 5.00, 'bank');
