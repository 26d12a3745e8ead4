"""Writes the test vectors beside it: python3 vectors/make.py && npx prettier --write vectors

This is the token format a second time, from its description in docs/reference/token-format.md and with Python's standard
library only, so that a mistake in lib cannot be copied into the vectors. All inputs are constants that anyone can see
through: none of the tokens and keys was ever used.
"""

import hashlib
import hmac
import json
import pathlib
import zlib

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
KINDS = {"access": "at", "refresh": "rt"}
VERSION = b"nestjs-authentify/1"

COUNTING = bytes(range(32))
COUNTING_FAMILY = bytes(range(16))
SALT = bytes(range(0x40, 0x60))
KEY = "0123456789abcdef0123456789abcdef"
UMLAUTS = "äöü" * 6  # 36 bytes of UTF-8


def base62(data: bytes, length: int) -> str:
    number = int.from_bytes(data, "big")
    text = ""
    for _ in range(length):
        number, digit = divmod(number, 62)
        text = ALPHABET[digit] + text
    assert number == 0
    return text


def checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode()).to_bytes(4, "big"), 6)


def sealed(body: str) -> str:
    return body + checksum(body)


def token(kind: str, prefix: str, secret: bytes, family: bytes | None = None) -> str:
    middle = "" if family is None else base62(family, 22)
    return sealed(f"{prefix}_{KINDS[kind]}_{middle}{base62(secret, 43)}")


def digest(value: str, algorithm: str, key: str | None) -> str:
    if key is None:
        return hashlib.new(algorithm, value.encode()).hexdigest()
    return hmac.new(key.encode(), value.encode(), algorithm).hexdigest()


def hkdf(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256."""
    pseudorandom = hmac.new(salt or bytes(32), material, hashlib.sha256).digest()
    block = output = b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.new(pseudorandom, block + info + bytes([counter]), hashlib.sha256).digest()
        output += block
    return output[:length]


def valid(kind: str, prefix: str, secret: bytes, family: bytes | None = None) -> dict:
    case = {"kind": kind, "prefix": prefix, "secret": secret.hex()}
    if family is not None:
        case |= {"family": family.hex(), "familyPart": base62(family, 22)}
    return case | {"token": token(kind, prefix, secret, family)}


def leading_zero() -> bytes:
    """A secret whose token has a checksum that begins with 0."""
    secrets = (number.to_bytes(32, "big") for number in range(1_000))
    return next(secret for secret in secrets if token("access", "af", secret)[-6] == "0")


def tokens() -> dict:
    access = token("access", "af", COUNTING)
    refresh = token("refresh", "af", COUNTING, COUNTING_FAMILY)
    digits = base62(COUNTING, 43)
    changed = access[:20] + ("A" if access[20] != "A" else "B") + access[21:]

    # The reason is the first of these rules that is broken: prefix, kind, length, alphabet, checksum.
    def invalid(kind: str, value: str, reason: str, why: str, prefixes: list[str] | None = None) -> dict:
        return {"kind": kind, "prefixes": prefixes or ["af"], "value": value, "reason": reason, "why": why}

    return {
        "valid": [
            valid("access", "af", COUNTING),
            valid("access", "af", bytes(32)),
            valid("access", "af", b"\xff" * 32),
            valid("access", "af", leading_zero()),
            valid("access", "00", COUNTING),
            valid("access", "myapp12345", COUNTING),
            valid("refresh", "af", COUNTING, COUNTING_FAMILY),
            valid("refresh", "af", bytes(32), bytes(16)),
            valid("refresh", "af", b"\xff" * 32, b"\xff" * 16),
            valid("refresh", "myapp12345", COUNTING, COUNTING_FAMILY),
        ],
        "invalid": [
            invalid("access", "", "prefix", "empty"),
            invalid("access", access[:-1], "length", "the last character is missing"),
            invalid("access", access + "0", "length", "one character too many"),
            invalid("access", access + "\n", "length", "a line break at the end"),
            invalid("access", sealed(f"af_at_0{digits}"), "length", "a digit too many, under a checksum that is right"),
            invalid("access", sealed(f"af_at_-{digits[1:]}"), "alphabet", "a hyphen, under a checksum that is right"),
            invalid("access", sealed(f"af_at_é{digits[1:]}"), "alphabet", "a letter outside of ASCII"),
            invalid("access", sealed(f"AF_at_{digits}"), "prefix", "the prefix in capitals"),
            invalid("access", sealed(f"ag_at_{digits}"), "prefix", "a prefix that is not configured"),
            invalid("access", access, "prefix", "another prefix is configured", ["ag", "myapp12345"]),
            invalid("access", refresh, "kind", "a refresh token"),
            invalid("refresh", access, "kind", "an access token"),
            invalid("access", sealed(f"af_rt_{digits}"), "kind", "marked as a refresh token, as long as an access token"),
            invalid("access", changed, "checksum", "one character of the secret is another"),
            invalid("access", access.swapcase().replace("AF_AT_", "af_at_"), "checksum", "upper and lower case swapped"),
            invalid("access", access[:-6] + checksum(digits), "checksum", "the checksum of the secret alone"),
            invalid("access", access[:-6] + "000000", "checksum", "no checksum"),
            invalid("refresh", refresh[:6] + refresh[7:29] + refresh[6] + refresh[29:], "checksum", "the family part turned"),
        ],
    }


def digests() -> list[dict]:
    access = token("access", "af", COUNTING)
    family = base62(COUNTING_FAMILY, 22)
    return [
        {"value": value, "algorithm": algorithm, "key": key, "digest": digest(value, algorithm, key)}
        for value in (access, family)
        for algorithm in ("sha256", "sha384", "sha512")
        for key in (None, KEY, UMLAUTS)
    ]


def successors() -> list[dict]:
    def case(prefix: str, session_id: str, salt: bytes, key: str | None) -> dict:
        presented = token("refresh", prefix, COUNTING, COUNTING_FAMILY)
        material = presented.encode()
        if key is not None:
            material = hmac.new(key.encode(), VERSION + b"/" + material, hashlib.sha256).digest()
        secrets = hkdf(material, salt, VERSION + b"/" + session_id.encode(), 64)
        return {
            "presented": presented,
            "salt": salt.hex(),
            "sessionId": session_id,
            "key": key,
            "prefix": prefix,
            "accessSecret": secrets[:32].hex(),
            "refreshSecret": secrets[32:].hex(),
            "accessToken": token("access", prefix, secrets[:32]),
            "refreshToken": token("refresh", prefix, secrets[32:], COUNTING_FAMILY),
        }

    first = "00000000-0000-7000-8000-000000000000"
    return [
        case("af", first, SALT, None),
        case("af", first, SALT, KEY),
        case("af", first, SALT, UMLAUTS),
        case("af", first, bytes(32), None),
        case("af", "00000000-0000-7000-8000-000000000001", SALT, None),
        case("myapp12345", first, SALT, KEY),
    ]


def drf_authentify() -> list[dict]:
    letters = ALPHABET + "-_"
    return [
        {"refreshToken": text, "familyPart": base62(hkdf(text.encode(), b"", VERSION + b"/family", 16), 22)}
        for text in (letters, letters[::-1], "A" * 64)
    ]


if __name__ == "__main__":
    made = {"tokens": tokens(), "digests": digests(), "successors": successors(), "drf-authentify": drf_authentify()}
    for name, content in made.items():
        path = pathlib.Path(__file__).with_name(f"{name}.json")
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
