"""Where the adapters of hosted models may connect to in tests: this machine, as a server that listens on loopback."""

from swarmstead.gateway.adapters.http.admitted import AdmittedAddresses
from swarmstead.gateway.egress import rules


def this_machine() -> AdmittedAddresses:
    return AdmittedAddresses(rules(listens_on="127.0.0.1"))
