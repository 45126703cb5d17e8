import type { Readable } from 'node:stream';

/** What the service learned of a file while it took it in. */
export interface StoredArtifact {
  readonly sizeBytes: number;
  /** Lowercase hex; also the file's name in the store. */
  readonly sha256: string;
  /** For devices that can check nothing else (ESP8266). Lowercase hex. */
  readonly md5: string;
}

/** A file that has arrived whole and that nobody else can see yet: it is kept, or it is gone. */
export interface ReceivedArtifact extends StoredArtifact {
  bytes(): Promise<Uint8Array>;
  /** Makes it visible under its hash. */
  keep(): Promise<void>;
  /** Removes what was not kept; after `keep` there is nothing to remove. */
  discard(): Promise<void>;
}

/** A part of a file, both ends included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A file that is open for reading. */
export interface OpenArtifact {
  /** Fills a buffer with the bytes from this position on; how many it got, 0 at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/**
 * Keeps files under their content's hash. A file is visible when it is complete, never before; what is there never
 * changes.
 */
export interface ArtifactStore {
  /**
   * Takes a file in, aside. Whoever calls this keeps or discards what comes back. When it fails, the rest of the source
   * is left unread, and the source open.
   *
   * @throws OtaError `upload-too-large` above `limitBytes`, `disk-full`, `write-failed`; whatever the source throws
   */
  receive(source: Readable, limitBytes: number): Promise<ReceivedArtifact>;
  /** @throws OtaError `artifact-missing` */
  open(sha256: string): Promise<OpenArtifact>;
  /** All bytes of a file that is small enough to be held. */
  bytes(sha256: string): Promise<Buffer>;
  /**
   * Removes files of ours that nothing names and remains of uploads, both when they are older than an hour. A set
   * without any name removes no whole file: more likely the database is the wrong one.
   *
   * @param alone nobody else writes here: remains of uploads go at once
   * @returns how many
   */
  sweep(used: ReadonlySet<string>, nowMs: number, alone: boolean): Promise<number>;
}
