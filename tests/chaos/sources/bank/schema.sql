-- The bank: what a holder has paid out and received. Held at every commit: sum(debits) = sum(credits) over all holders.
CREATE TABLE debits (
    holder text PRIMARY KEY,
    currency char(3) NOT NULL DEFAULT 'EUR',
    standing text NOT NULL DEFAULT 'good',
    amount_minor bigint NOT NULL
);
CREATE TABLE credits (
    id bigint PRIMARY KEY,
    holder text NOT NULL UNIQUE,
    amount_minor bigint NOT NULL
);
-- Many small transfers, each its own transaction: one to three debits, then as many credits. Rows are locked in one
-- order (debits before credits, lower number first), so sessions never deadlock; every tenth transfer is rolled back.
CREATE PROCEDURE transfer_many(transfers integer, holders integer) LANGUAGE plpgsql AS $$
DECLARE
    payers integer[];
    payees integer[];
    pairs integer;
    one integer;
BEGIN
    FOR n IN 1..transfers LOOP
        pairs := 1 + floor(random() * 3);
        SELECT array_agg(p ORDER BY p), array_agg(q ORDER BY q) INTO payers, payees
        FROM (SELECT 1 + floor(random() * holders)::integer AS p, 1 + floor(random() * holders)::integer AS q
              FROM generate_series(1, pairs)) AS drawn;
        FOREACH one IN ARRAY payers LOOP
            UPDATE debits SET amount_minor = amount_minor + 100 WHERE holder = 'H' || one;
        END LOOP;
        FOREACH one IN ARRAY payees LOOP
            UPDATE credits SET amount_minor = amount_minor + 100 WHERE id = one;
        END LOOP;
        IF n % 10 = 0 THEN
            ROLLBACK;
        ELSE
            COMMIT;
        END IF;
    END LOOP;
END
$$;
