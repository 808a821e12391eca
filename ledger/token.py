"""Keys on a PKCS#11 token: what a token does for a key file, so that nothing opens without it.

A token (a smart card, an HSM) holds a generic secret of 32 bytes that never leaves it. A key file
under it (`ledger.keyfile`) is encrypted with AES-256-GCM under

    HMAC-SHA-256(token's secret, "muniment/token/v1" ‖ salt)        (CKM_SHA256_HMAC)

so whoever has the file needs the token and its PIN. The secret is named by a URI (RFC 7512) with
the labels of token and object, in this order, and nothing else:

    pkcs11:token=<label>;object=<label>      labels: 1 to 32 of A-Z a-z 0-9 . _ -

Which library drives the token is said by the machine, in MUNIMENT_PKCS11_MODULE, and never by a
file of the ledger: a folder from somebody else must not choose what code is loaded.

>>> TokenKey.parse("pkcs11:token=muniment;object=kek").uri
'pkcs11:token=muniment;object=kek'

Source: PKCS #11 v2.40 and 3.0 (OASIS), RFC 7512 (URIs), RFC 2104 (HMAC).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Self

from ledger.errors import KeyAccessError, UsageError

MODULE_VARIABLE: Final = "MUNIMENT_PKCS11_MODULE"
SECRET_BYTES: Final = 32
_LABEL: Final = "[A-Za-z0-9._-]{1,32}"
_URI: Final = re.compile(rf"pkcs11:token=({_LABEL});object=({_LABEL})")
_CONTEXT: Final = b"muniment/token/v1"


class TokenKey(NamedTuple):
    """A generic secret on a token, by the labels of both."""

    token: str
    name: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a URI. Raises `UsageError` for every other form."""
        found = _URI.fullmatch(uri)
        if found is None:
            raise UsageError("a key on a token is named pkcs11:token=LABEL;object=LABEL")
        return cls(*found.groups())

    @property
    def uri(self) -> str:
        """The URI that `parse` reads."""
        return f"pkcs11:token={self.token};object={self.name}"

    def create(self, pin: bytes) -> None:
        """Make the secret on the token: it signs, cannot be read and cannot be taken off.

        Raises `KeyAccessError`: one of this name is there, no such token, a wrong PIN.
        """
        from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag

        with self._session(pin, rw=True) as session:
            if _secrets(session, self.name):
                raise KeyAccessError("{uri}: the token has a key of this name", uri=self.uri)
            session.generate_key(
                KeyType.GENERIC_SECRET,
                SECRET_BYTES * 8,
                label=self.name,
                store=True,
                capabilities=MechanismFlag.SIGN,
                mechanism=Mechanism.GENERIC_SECRET_KEY_GEN,
                template={Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True},
            )

    def derive(self, pin: bytes, salt: bytes) -> bytes:
        """The 32 bytes that the token gives for a salt.

        Raises `KeyAccessError`: no such token or secret, a wrong PIN, a secret that could be read.
        """
        from pkcs11 import Attribute, Mechanism

        with self._session(pin) as session:
            found = _secrets(session, self.name)
            if len(found) != 1:
                raise KeyAccessError("{uri}: the token has no such key, or several", uri=self.uri)
            (secret,) = found
            if secret[Attribute.EXTRACTABLE]:
                raise KeyAccessError(
                    "{uri}: the key can be read off the token", "make one that cannot: "
                    "muniment keystore protect --token URI --create", uri=self.uri,
                )  # fmt: skip
            derived: bytes = secret.sign(_CONTEXT + salt, mechanism=Mechanism.SHA256_HMAC)
        return derived

    @contextmanager
    def _session(self, pin: bytes, *, rw: bool = False) -> Iterator[Any]:
        """An open session of the user; what the library says becomes an error of ours."""
        import pkcs11

        try:
            token = _library().get_token(token_label=self.token)
            with token.open(rw=rw, user_pin=pin.decode("utf-8")) as session:
                yield session
        except pkcs11.PKCS11Error as error:
            cause = type(error).__name__  # PinIncorrect, NoSuchToken, PinLocked …
            raise KeyAccessError(
                "{uri}: the token does not give its key ({cause})",
                "check that the token is there, and its PIN",
                uri=self.uri,
                cause=cause,
            ) from None
        except UnicodeDecodeError:
            raise KeyAccessError("{uri}: the PIN is not UTF-8", uri=self.uri) from None


def _library() -> Any:  # noqa: ANN401  the binding has no types
    """The driver that the machine names. Raises `KeyAccessError` if it names none."""
    try:
        import pkcs11
    except ImportError:
        raise KeyAccessError(
            "keys on tokens need the library python-pkcs11", "pip install 'muniment[hsm]'"
        ) from None
    path = os.environ.get(MODULE_VARIABLE)
    if not path:
        raise KeyAccessError(
            "no PKCS#11 driver is named",
            "set {variable} to the driver's file, such as /usr/lib/softhsm/libsofthsm2.so",
            variable=MODULE_VARIABLE,
        )
    try:
        return pkcs11.lib(path)
    except (pkcs11.PKCS11Error, RuntimeError, OSError):
        raise KeyAccessError(
            "the PKCS#11 driver cannot be loaded", "check {variable}", variable=MODULE_VARIABLE
        ) from None


def _secrets(session: Any, name: str) -> list[Any]:  # noqa: ANN401  the binding has no types
    from pkcs11 import Attribute, ObjectClass

    wanted = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: name}
    return list(session.get_objects(wanted))
