"""The gates of persons and papers: who may sign, what was agreed, assessed, attached."""

from __future__ import annotations

from collections.abc import Iterator

from domain.actor import ActorState
from domain.agreements import EvidenceAgreementSigned, NdaSigned, PipiaCompleted
from domain.attached import AttachedState
from domain.closing import CredentialsReregistered
from domain.gates import (
    HANDOVER_TRAINING,
    against_disclosure,
    against_no_agreement,
    against_unassessed,
    against_untrained,
)
from ledger.gates.deal import OVER, Deal
from ledger.gates.verdict import Found, Waiting, as_waiting, waiting

_HANDLERS = ("seller_handler", "buyer_handler")


def attached(deal: Deal, kind: str) -> list[AttachedState]:
    """The documents of a kind that were attached under the deal, in the order of their ids."""
    streams = sorted(s for s, found in deal.state.attached.items() if found == kind)
    states = (deal.case.world.state(stream, AttachedState) for stream in streams)
    return [state for state in states if state is not None]


def _attach(deal: Deal, kind: str, more: str = "") -> str:
    return f"muniment document attach FILE --kind {kind}{more} --engagement {deal.id}"


def _unused(deal: Deal, kind: str) -> str | None:
    """A document of a kind that nobody has signed or recorded anything on yet."""
    free = (d.stream for d in attached(deal, kind) if d.stream not in deal.state.documents)
    return next(free, None)


def _at(deal: Deal, documents: list[AttachedState]) -> str:
    """When the last of some documents was attached."""
    return max((deal.begun(document.stream) for document in documents), default="")


# -- 1 ----------------------------------------------------------------------------------------


def parties(deal: Deal) -> Found:
    """Handlers and supervisors with keys, letters of authority, training; new keys after a sale."""
    found = [*_persons(deal), *_letters(deal), *_training(deal), *_new_keys(deal)]
    letters = _at(deal, attached(deal, "authority_letter"))
    return Found(found, max(deal.state.opened_at, letters, deal.last(CredentialsReregistered)))


def _persons(deal: Deal) -> Iterator[Waiting]:
    if not deal.hands_over:
        return
    enough = deal.case.policy.thresholds.supervisors_per_side
    for side, party, role in deal.sides:
        if not deal.people(party, role):
            command = f"muniment role grant ACTOR {role}"
            yield waiting(f"no_handler_of_{side}", [party], command)
        if len(deal.people(party, "supervisor")) < enough:
            command = "muniment role grant ACTOR supervisor"
            yield waiting(f"no_supervisor_of_{side}", [party], command)
    yield from _handlers_gone(deal)


def _handlers_gone(deal: Deal) -> Iterator[Waiting]:
    """Handlers of running handovers who no longer hold the role, or have no key."""
    for one in deal.handovers:
        if one.step in OVER:
            continue
        parties = {"seller_handler": one.from_party, "buyer_handler": one.to_party}
        for role, handler in one.handlers.items():
            able = {actor.stream for actor in deal.people(parties[role], role)}
            if handler not in able:
                command = f"muniment handover replace {one.stream} ACTOR --reason CODE --draft FILE"
                yield waiting("handler_cannot_act", [handler], command)


def _letters(deal: Deal) -> Iterator[Waiting]:
    shown = {
        party
        for letter in attached(deal, "authority_letter")
        if letter.stands(deal.today)
        for party in letter.parties
    }
    missing = [party for _, party, _ in deal.sides if party not in shown]
    if missing and not deal.passed:
        command = _attach(deal, "authority_letter", f" --party {missing[0]}")
        yield waiting("no_authority_letter", missing, command)


def acting(deal: Deal) -> list[ActorState]:
    """Those who are to act in the handovers: as planned or agreed, else all who could."""
    planned = {a for one in deal.handovers for a in one.handlers.values()}
    agreed = {actor for actor, role, _ in deal.state.agreed if role in _HANDLERS}
    names = planned or agreed
    if names:
        states = (deal.case.world.state(name, ActorState) for name in sorted(names))
        return [state for state in states if state is not None]
    return [person for _, party, role in deal.sides for person in deal.people(party, role)]


def _training(deal: Deal) -> Iterator[Waiting]:
    if not deal.hands_over or deal.passed:
        return
    names = [actor.stream for actor in acting(deal)]
    refusals = against_untrained(deal.case, names, HANDOVER_TRAINING, deal.today)
    yield from as_waiting(
        refusals, lambda r: f"muniment training record {r.blocking[0]} --topic {HANDOVER_TRAINING}"
    )


def _new_keys(deal: Deal) -> Iterator[Waiting]:
    if deal.path is None or not deal.path.rekey:
        return
    old = sorted(deal.facts.keyholders(deal.state.seller) - deal.state.rekeyed)
    if old:
        rotate = [f"muniment --as {old[0]} key rotate{more}; " for more in _older(deal, old[0])]
        command = f"{''.join(rotate)}muniment engagement rekey {deal.id} --actor {old[0]}"
        yield waiting("credentials_not_reregistered", old, command)


def _older(deal: Deal, actor: str) -> list[str]:
    """The options by which somebody renews the keys of before the deal, one for each."""
    state = deal.case.world.state(actor, ActorState)
    keys = state.keys.values() if state is not None else ()
    old = {one.key.purpose for one in keys if one.active and one.since <= deal.state.opened_entry}
    options = {"act": "", "seal": " --purpose seal"}
    return [more for purpose, more in options.items() if purpose in old]


# -- 2 ----------------------------------------------------------------------------------------


def evidence_agreement(deal: Deal) -> Found | None:
    """Agreed on: the present keys of the handlers, and of enough supervisors of each side."""
    if not deal.hands_over:
        return None
    if not deal.state.agreed:
        return Found([waiting("no_agreement", (), _sign_agreement(deal))])
    found = [] if deal.passed else list(_not_agreed(deal))
    return Found(found, deal.last(EvidenceAgreementSigned))


def _sign_agreement(deal: Deal) -> str:
    document = _unused(deal, "evidence_agreement")
    if document is None:
        return _attach(deal, "evidence_agreement")
    return (
        f"muniment agreement sign {document} --signer ACTOR:ROLE --engagement {deal.id} "
        "--with ACTOR:buyer_handler --draft FILE"
    )


def _not_agreed(deal: Deal) -> Iterator[Waiting]:
    enough = deal.case.policy.thresholds.supervisors_per_side
    handlers = {handler for one in deal.handovers for handler in one.handlers.values()}
    agreed = {(a, role) for a, role, key in deal.state.agreed if _is_present(deal, a, key)}
    for _, party, role in deal.sides:
        people = {actor.stream for actor in deal.people(party, role)}
        wanted = people & handlers or people
        named = {actor for actor in wanted if (actor, role) in agreed}
        if not named or (wanted <= handlers and named != wanted):
            yield waiting("handler_not_agreed", sorted(wanted - named), _sign_agreement(deal))
        watching = {actor.stream for actor in deal.people(party, "supervisor")}
        if sum((actor, "supervisor") in agreed for actor in watching) < enough:
            yield waiting("supervisor_not_agreed", sorted(watching), _sign_agreement(deal))


def _is_present(deal: Deal, actor: str, key: str) -> bool:
    state = deal.case.world.state(actor, ActorState)
    active = state.active_key("act") if state is not None else None
    return active is not None and active.key.id == key


# -- 3, 4, 6 ----------------------------------------------------------------------------------


def nda(deal: Deal) -> Found | None:
    """In force between the seller and whoever takes over, for what is handed over.

    And, whatever is handed over, with the buyer and the broker; where records are only entrusted,
    nobody else is asked.
    """
    if deal.path is not None and deal.path.path == "none" and not deal.handovers:
        return None
    found: list[Waiting] = []
    others = () if deal.entrusts else (deal.state.buyer, deal.state.broker)
    for party in dict.fromkeys((*deal.takers, *others)):
        if party and not (deal.passed and _ever_signed(deal, party)):
            found += _undisclosed(deal, party)
    return Found(found, deal.last(NdaSigned))


def _ever_signed(deal: Deal, party: str) -> bool:
    pair = (deal.state.seller, party)
    signed = deal.state.ndas.values()
    return any((one.disclosing_party, one.receiving_party) == pair for one in signed)


def _undisclosed(deal: Deal, party: str) -> Iterator[Waiting]:
    seller = deal.state.seller
    categories = deal.categories if party in deal.takers else []
    document = _unused(deal, "nda")
    command = (
        _attach(deal, "nda")
        if document is None
        else (
            f"muniment nda sign {document} --disclosing {seller} --receiving {party} --from DAY "
            f"--survival-days NUMBER --engagement {deal.id} --with ACTOR:ROLE --draft FILE"
        )
    )
    refusals = against_disclosure(deal.case, deal.state, seller, party, categories)
    yield from as_waiting(refusals, lambda _: command)


def legal_path(deal: Deal) -> Found:
    """The pack knows the path; counsel's opinion on a provision; terms of processing."""
    if deal.path is None:
        return Found([waiting("mode_is_no_deal", (), "muniment engagement list")])
    found: list[Waiting] = []
    opinions = attached(deal, "legal_opinion")
    if deal.path.path == "provision" and not opinions:
        found.append(waiting("no_legal_opinion", (), _attach(deal, "legal_opinion")))
    agreements = attached(deal, "processing_agreement")
    if deal.path.agreement and not deal.passed:
        for taker in deal.takers:
            sides = (deal.state.seller, taker)
            more = "".join(f" --party {party}" for party in sides)
            command = _attach(deal, "processing_agreement", more)
            refusals = against_no_agreement(deal.case, deal.state, *sides)
            found += as_waiting(refusals, lambda _, said=command: said)  # type: ignore[misc]
    return Found(found, max(deal.state.opened_at, _at(deal, opinions), _at(deal, agreements)))


def pipia(deal: Deal) -> Found | None:
    """Every category with personal data that is handed over was assessed, and may be."""
    if deal.path is None or not deal.path.pipia:
        return None
    if not deal.personal:
        return None
    if deal.passed:
        return Found([], deal.last(PipiaCompleted))
    document = _unused(deal, "pipia")
    command = (
        _attach(deal, "pipia")
        if document is None
        else (
            f"muniment pipia record {document} --conclusion CODE --retain-until DAY "
            f"--engagement {deal.id}"
        )
    )
    found = as_waiting(against_unassessed(deal.state, deal.personal), lambda _: command)
    return Found(list(found), deal.last(PipiaCompleted))
