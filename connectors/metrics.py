"""Every metric of Concord: its name once, its type, its labels and its sentence, grouped by the question it answers.

Labels are bounded: `source`, `topic`, `reason` (an error code), `state`, `target`, `stage`, `outcome`, `object`, `kind`.
Never an account, a key or a message. `serve` shows them on loopback.
"""

from __future__ import annotations

from connectors.exposition import CATALOGUE, METRICS, REGISTRY, Definition, samples, serve
from connectors.exposition import counter as _counter
from connectors.exposition import gauge as _gauge
from connectors.exposition import histogram as _histogram

__all__ = ["CATALOGUE", "METRICS", "REGISTRY", "Definition", "samples", "serve"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0)

_Q = "Is everything that came in accounted for?"
ROWS_IN = _counter(
    _Q,
    "concord_rows_in",
    "Records taken from the topics of a source; in = applied + ignored + parked once nothing is held or waiting.",
    "source",
)
ROWS_APPLIED = _counter(_Q, "concord_rows_applied", "Rows folded into the state of an account.", "source")
ROWS_IGNORED = _counter(
    _Q,
    "concord_rows_ignored",
    "Records set aside by a rule: repeats, ignored tables, second tombstones.",
    "source",
)
ROWS_PARKED = _counter(
    _Q,
    "concord_rows_parked",
    "Rows parked with an error code, their position and their key; replayable.",
    "source",
    "reason",
)
ROWS_HELD = _gauge(_Q, "concord_rows_held", "Rows held because their transaction is not whole yet.", "source")
PARTITIONS_PAUSED = _gauge(
    _Q,
    "concord_partitions_paused",
    "Partitions that are not read for now: they are ahead of what they belong to.",
    "source",
)
LARGE_TRANSACTIONS = _counter(
    _Q,
    "concord_large_transactions",
    "Transactions that were handed out in slices: begun and finished; nothing is committed in between.",
    "flow",
    "state",
)
ROWS_WAITING = _gauge(_Q, "concord_rows_waiting", "Rows that wait for the row that names their account.", "source")

_Q = "How old is what readers see?"
FRONTIER_POSITION = _gauge(
    _Q,
    "concord_frontier_position",
    "Position (commit end LSN) of the source up to which everything is published.",
    "source",
)
FRONTIER_AGE_SECONDS = _gauge(
    _Q,
    "concord_frontier_age_seconds",
    "Now minus the commit time of the newest published transaction of the source; a heartbeat counts.",
    "source",
)
LAG_RECORDS = _gauge(
    _Q,
    "concord_lag_records",
    "Records of the source's topics below the last stable offset that are not taken yet; 0 when only markers remain.",
    "source",
)
SNAPSHOT_COMPLETE = _gauge(
    _Q,
    "concord_snapshot_complete",
    "1 when the first snapshot of the source is complete, else 0; nothing is published before.",
    "source",
)
LIVE = _gauge(_Q, "concord_live", "1 when every source's snapshot is complete and the view is published, else 0.")
RESTORE_SECONDS = _gauge(
    _Q, "concord_restore_seconds", "Seconds the last start took to read the state back from Kafka.", "flow"
)
START_SECONDS = _gauge(
    _Q,
    "concord_start_seconds",
    "Seconds that a stage of the last start took, from the birth of the process to the first new cut.",
    "flow",
    "stage",
)
VISIBLE_SECONDS = _histogram(
    _Q,
    "concord_visible_seconds",
    "Seconds from a source's commit to the end of the Kafka transaction that shows it.",
    _SECONDS,
    "source",
)

_Q = "Where does the time go?"
COMMIT_NUMBER = _gauge(_Q, "concord_commit_number", "Running number of the last published cut.", "flow")
CUT_RECORDS = _histogram(_Q, "concord_cut_records", "Records that one cut published.", _SIZES, "flow")
COMMIT_SECONDS = _histogram(
    _Q, "concord_commit_seconds", "Seconds that one Kafka commit took, flush included.", _SECONDS, "flow"
)
STAGE_SECONDS = _counter(
    _Q,
    "concord_stage_seconds",
    "Seconds spent in a stage: peek, sequence (align, resolve, route), shard (decode to compare, and the bytes of records), encode (the rest), produce, commit.",
    "stage",
)
STAGE_CPU_SECONDS = _counter(_Q, "concord_stage_cpu_seconds", "Those of them on a processor.", "stage")
TRANSACTIONS_RELEASED = _counter(
    _Q, "concord_transactions_released", "Whole source transactions released in commit order.", "source"
)
PRODUCER_QUEUE_MESSAGES = _gauge(
    _Q,
    "concord_producer_queue_messages",
    "Messages in the local producer queue; reading pauses when it is full.",
    "flow",
)

_Q = "Is the stream itself damaged?"
INCOMPLETE_TRANSACTIONS = _counter(
    _Q,
    "concord_incomplete_transactions",
    "Transactions of which malformed rows were parked and the rest was applied.",
    "source",
)
OLDEST_OPEN_SECONDS = _gauge(
    _Q,
    "concord_oldest_open_seconds",
    "Age of the oldest transaction that is not whole; grows when a topic stands still.",
    "source",
)
FENCED = _counter(
    _Q, "concord_fenced", "Times this process stopped because a newer one of the same flow took over.", "flow"
)
REGISTRY_UNAVAILABLE = _counter(
    _Q,
    "concord_registry_unavailable",
    "Requests to the schema registry that failed; schemas already cached go on.",
    "reason",
)

REGISTRY_AWAITED = _gauge(
    _Q,
    "concord_registry_awaited",
    "1 while reading waits because the schema registry does not answer for a schema that was never seen, else 0.",
    "flow",
)

_Q = "Do the systems agree?"
DIFFERENCES_OPEN = _gauge(
    _Q,
    "concord_differences_open",
    "Disagreements between the view and a target that the ownership rules forbid.",
    "target",
    "object",
)
INTENTS = _gauge(
    _Q,
    "concord_intents",
    "Open intents by state: settling (younger than the settle time of its rule) or wanted.",
    "state",
)
EXCEPTIONS_OPEN = _gauge(_Q, "concord_exceptions_open", "Exceptions that a person must decide, by kind.", "kind")

_Q = "Do corrections arrive?"
CORRECTIONS = _gauge(_Q, "concord_corrections", "Corrections by state and target.", "state", "target")
HOLDS = _gauge(
    _Q,
    "concord_holds",
    "Holds that wait for a person, by kind: STOPPED, MASS_CHANGE, WRITE_BRAKE.",
    "kind",
)
BRAKE_NEAR = _counter(
    _Q,
    "concord_write_brake_near",
    "Writes of an object that has used more than half of what the write-rate brake allows.",
    "target",
)
BUDGET_WAITS = _counter(
    _Q,
    "concord_budget_waits",
    "Requests to a target that its budget, shared by all processes, made wait longer than a second.",
    "target",
)
BUDGET_AWAY = _counter(
    _Q,
    "concord_budget_away",
    "Requests to a target that were not sent because Redis, where its budget is counted, could not be asked.",
    "target",
)
SENDS = _counter(
    _Q,
    "concord_sends",
    "Writes sent to a target, by outcome: acknowledged, refused, unknown, throttled.",
    "target",
    "outcome",
)
SEND_SECONDS = _histogram(_Q, "concord_send_seconds", "Seconds until the target answered.", _SECONDS, "target")
READ_BACKS = _counter(
    _Q,
    "concord_read_backs",
    "Read-backs after a doubtful send, by outcome: applied, not_applied, unreachable.",
    "target",
    "outcome",
)
LATE_DUPLICATES = _counter(
    _Q,
    "concord_late_duplicates",
    "What requests that arrived after they were given up had made twice, and is removed.",
    "target",
)
VERIFY_SECONDS = _histogram(
    _Q,
    "concord_verify_seconds",
    "Seconds from sending to the change coming back through capture.",
    (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0),
    "target",
)

_Q = "Does the look-up follow?"
LOOKUP_WRITTEN = _counter(_Q, "concord_lookup_written", "Records written to the look-up store, deletions included.")
LOOKUP_STALE = _counter(
    _Q, "concord_lookup_stale", "Records that the look-up store refused because it holds a newer version."
)
LOOKUP_COMMIT = _gauge(_Q, "concord_lookup_commit", "Commit number that the look-up store shows completely.")
LOOKUP_HELD_RECORDS = _gauge(_Q, "concord_lookup_held_records", "Records that wait until their cut is complete.")
LOOKUP_CATCHING_UP = _gauge(
    _Q,
    "concord_lookup_catching_up",
    "1 while the look-up store refuses readers because it is being rebuilt or is far behind.",
)
LOOKUP_RESYNCS = _counter(
    _Q,
    "concord_lookup_resyncs",
    "Times the writer went back to the offsets in the store, by reason: emptied, outdated, moved, recreated.",
    "reason",
)
LOOKUP_UNREACHABLE = _counter(_Q, "concord_lookup_unreachable", "Attempts to reach the look-up store that failed.")
