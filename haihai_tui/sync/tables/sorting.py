"""Sorting more than memory should hold.

Fixed-width records are spread over bucket files by their first byte (their keys
are hashes, so the buckets come out even) and each bucket is sorted alone.  Other
records are sorted in chunks that are merged.  Memory is bounded either way.
"""

from __future__ import annotations

import heapq
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

CHUNK_BYTES = 8 << 20
BUCKET_BYTES = 2 << 20
_LENGTH = struct.Struct("<I")


def sort_fixed(source: Path, width: int, target: Path) -> None:
    """Sort `width` byte records of `source` into `target` as plain bytes."""
    size = source.stat().st_size
    if size <= BUCKET_BYTES:
        target.write_bytes(b"".join(sorted(split_fixed(source.read_bytes(), width))))
        return
    spread = _buckets_for(size)
    buckets = _spread(source, width, spread)
    with target.open("wb") as out:
        for bucket in buckets:
            out.write(b"".join(sorted(split_fixed(bucket.read_bytes(), width))))
            bucket.unlink()


def split_fixed(data: bytes, width: int) -> list[bytes]:
    return [data[at : at + width] for at in range(0, len(data), width)]


def _buckets_for(size: int) -> int:
    wanted = 2
    while wanted < 256 and size / wanted > BUCKET_BYTES:
        wanted *= 2
    return wanted


def _spread(source: Path, width: int, count: int) -> list[Path]:
    shift = 9 - count.bit_length()
    paths = [source.with_suffix(f".bucket{number:03d}") for number in range(count)]
    files: list[IO[bytes]] = [path.open("wb") for path in paths]
    try:
        with source.open("rb") as stream:
            while block := stream.read(width * 8192):
                parts: list[list[bytes]] = [[] for _ in range(count)]
                for record in split_fixed(block, width):
                    parts[record[0] >> shift].append(record)
                for file, part in zip(files, parts, strict=True):
                    file.write(b"".join(part))
    finally:
        for file in files:
            file.close()
    return paths


def sort_records(
    records: Iterable[bytes],
    key: Callable[[bytes], bytes],
    folder: Path,
    name: str,
) -> Iterator[bytes]:
    """Records of any length in the order of `key`; equal keys keep their order.

    What fits into one chunk stays in memory; more goes through run files in
    `folder`, which are removed when the iterator is exhausted or closed.
    """
    runs: list[Path] = []
    chunk: list[bytes] = []
    held = 0
    for record in records:
        chunk.append(record)
        held += len(record) + 64
        if held >= CHUNK_BYTES:
            chunk.sort(key=key)
            runs.append(_write_run(chunk, folder / f"{name}.run{len(runs):04d}"))
            chunk, held = [], 0
    chunk.sort(key=key)
    if not runs:
        return iter(chunk)
    return _merge_runs(runs, chunk, key)


def _write_run(chunk: list[bytes], path: Path) -> Path:
    with path.open("wb") as out:
        out.writelines(_LENGTH.pack(len(record)) + record for record in chunk)
    return path


def _merge_runs(
    runs: list[Path], last: list[bytes], key: Callable[[bytes], bytes]
) -> Iterator[bytes]:
    try:
        yield from heapq.merge(*map(_read_run, runs), last, key=key)
    finally:
        for path in runs:
            path.unlink(missing_ok=True)


def _read_run(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while head := stream.read(_LENGTH.size):
            yield stream.read(_LENGTH.unpack(head)[0])
