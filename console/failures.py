"""From an error to one line and an exit code. What is not listed here is a bug and keeps its traceback."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from connectors.canonical import NotCanonical
from connectors.contracts import ContractMissing
from connectors.kafka.offsets import StartRace, TopicRecreated
from connectors.kafka.topics import KafkaUnavailable
from connectors.kafka.transactor import Fenced
from connectors.lookup_store.reader import LookupRefused, UnknownAccount
from connectors.lookup_store.writer import Undecodable
from connectors.mappings.checking.against_schemas import RecordingUnreadable
from connectors.mappings.drafting.draft import DraftRefused
from connectors.mappings.located_yaml import LocatedError
from connectors.ports import PortTaken
from connectors.registry import RegistryError, RegistryUnavailable
from connectors.sources.catalogue import NoDatabase
from connectors.sources.connect import ConnectError, ConnectUnreachable
from connectors.sources.database import PrepareFailed, SourceUnreachable
from connectors.targets.description import DescriptionError
from connectors.unreachable import Unreachable
from console.deciding import DecisionRefused
from console.exits import Exit
from console.explain import NothingKnown
from dataflows.settings import Settings, SettingsError
from dataflows.start import CannotRepartition, StartRefused
from dataflows.survey import CannotPlace
from stack.errors import StackError, WrongSetting

_ENDS: tuple[tuple[type[Exception], Exit], ...] = (
    (SettingsError, Exit.USAGE),
    (LocatedError, Exit.USAGE),
    (DescriptionError, Exit.USAGE),
    (PortTaken, Exit.USAGE),
    (ContractMissing, Exit.USAGE),
    (NoDatabase, Exit.USAGE),
    (DraftRefused, Exit.USAGE),
    (RecordingUnreadable, Exit.USAGE),
    (WrongSetting, Exit.USAGE),
    (StackError, Exit.FAILED),
    (CannotPlace, Exit.FAILED),
    (StartRefused, Exit.USAGE),
    (TopicRecreated, Exit.USAGE),
    (CannotRepartition, Exit.REFUSED),
    (StartRace, Exit.REFUSED),
    (Fenced, Exit.REFUSED),
    (LookupRefused, Exit.REFUSED),
    (DecisionRefused, Exit.REFUSED),
    (NothingKnown, Exit.REFUSED),
    (UnknownAccount, Exit.UNKNOWN_ACCOUNT),
    (Unreachable, Exit.UNREACHABLE),
    (KafkaUnavailable, Exit.UNREACHABLE),
    (RegistryUnavailable, Exit.UNREACHABLE),
    (ConnectUnreachable, Exit.UNREACHABLE),
    (SourceUnreachable, Exit.UNREACHABLE),
    (RegistryError, Exit.FAILED),
    (ConnectError, Exit.FAILED),
    (PrepareFailed, Exit.FAILED),
    (Undecodable, Exit.FAILED),
    (NotCanonical, Exit.FAILED),
)
_SILENT = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE}


def explain(error: Exception, settings: Settings | None) -> tuple[str, Exit] | None:
    """One line for the error and the exit code, or None if it is none of the expected ones."""
    for kind, code in _ENDS:
        if isinstance(error, kind):
            return " ".join(str(error).split()), code
    if isinstance(error, KafkaException) and isinstance(error.args[0], KafkaError) and error.args[0].code() in _SILENT:
        address = settings.kafka if settings else "its address"
        unreachable = Unreachable(
            "Kafka", address, "start it (`concord stack up`) or set CONCORD_KAFKA", error.args[0].str()
        )
        return str(unreachable), Exit.UNREACHABLE
    return None
