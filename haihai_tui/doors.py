"""Wiring for what a person watches: both services opened for a moment.

Checks and previews at a screen ask with settings that may not be saved yet, give up
soon, and leave no run behind.  Headless goes through here for the same questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from haihai_tui.errors import ConnectorError
from haihai_tui.services.draft_secrets import DraftSecrets
from haihai_tui.services.haihai.client import HaihaiClient
from haihai_tui.services.http import Channel, RetryPolicy, RetryRecord, new_client
from haihai_tui.services.known_types import known_types
from haihai_tui.services.runs import Stopper
from haihai_tui.services.salesforce.authorise import Probe
from haihai_tui.services.salesforce.client import SalesforceClient
from haihai_tui.services.salesforce.errors import SERVICE
from haihai_tui.services.salesforce.probe import probe
from haihai_tui.services.salesforce.rest import Rest
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.sockets import Patience
from haihai_tui.wiring import Workplace, haihai_of, oauth_of, salesforce_of

AT_THE_SCREEN = RetryPolicy(
    attempts=2, total_s=20.0, first_wait_s=0.2, max_wait_s=1.0, jitter_s=0.2
)
"""Patience where a person watches: told soon rather than tried long."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Opens both services; each use closes its own connections.

    `stopper` ends a wait at once when the person has gone elsewhere.
    """

    workplace: Workplace
    stopper: Stopper

    @contextmanager
    def salesforce(self) -> Iterator[SalesforceClient]:
        with ExitStack() as stack:
            yield salesforce_of(
                self.workplace, stack, self.stopper, _silent, policy=AT_THE_SCREEN
            )

    @contextmanager
    def haihai(self) -> Iterator[HaihaiClient]:
        with ExitStack() as stack:
            yield haihai_of(
                self.workplace, stack, self.stopper, _silent, policy=AT_THE_SCREEN
            )

    def refusal(self) -> ConnectorError | None:
        """What Salesforce says to an authorisation of this app; None: nothing."""
        with ExitStack() as stack:
            pending = oauth_of(self.workplace, stack).start_authorisation()
            return probe_of(self.workplace, stack, self.stopper)(pending)

    def known_types(self) -> Mapping[str, str]:
        """What the mapped fields were when they were mapped."""
        return known_types(self.workplace.database, self.workplace.profile)


def drafted(
    workplace: Workplace,
    settings: Settings,
    secrets: Mapping[str, str],
    environ: Mapping[str, str],
) -> Workplace:
    """The profile as it would be with these settings and secrets saved."""
    home = workplace.home
    store = DraftSecrets(home, settings.profile, KeySource(home, environ), secrets)
    return replace(workplace, settings=settings, secrets=store)


def probe_of(workplace: Workplace, stack: ExitStack, stopper: Stopper) -> Probe:
    """Asks the login host about an authorisation URL; see `salesforce.probe`."""
    patience = Patience(stopper.cancelled)
    ca_file = workplace.settings.salesforce.ca_bundle
    http = new_client(ca_file=ca_file, patience=patience, keep_alive=False)
    stack.callback(http.close)
    channel = Channel(http, SERVICE, policy=AT_THE_SCREEN, patience=patience)
    return lambda pending: probe(channel, pending)


def org_name_of(workplace: Workplace, stopper: Stopper) -> Callable[[], str]:
    """Reads the org's name with the stored token."""

    def read() -> str:
        with Doors(workplace, stopper).salesforce() as client:
            page = Rest(client.session).query("SELECT Name FROM Organization")
            return str(page.records[0]["Name"]) if page.records else ""

    return read


def _silent(record: RetryRecord) -> None:
    """A question of a moment does not narrate its repetitions."""
