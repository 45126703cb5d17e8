import type { Generated, Insertable, Selectable, Updateable } from 'kysely';

/** Whom a token is for. */
export type TokenKind = 'device' | 'admin';

/**
 * The tables, the same on both databases: texts, whole numbers and nothing else. Times are milliseconds since
 * 1970, flags are 0 or 1, lists and objects are JSON texts.
 */
export interface Tables {
  /** Numbers that nodes share: `catalog` changes with every release, rollout, model, key or revoked token. */
  counters: { name: string; value: number };
  /** Values that nodes share and nobody sees: the secret that signs tokens and links. */
  settings: { name: string; value: string };
  keys: KeyTable;
  tokens: TokenTable;
  token_cutoffs: TokenCutoffTable;
  models: ModelTable;
  releases: ReleaseTable;
  uploads: UploadTable;
  rollouts: RolloutTable;
  devices: DeviceTable;
  sightings: SightingTable;
  attempts: AttemptTable;
  transitions: TransitionTable;
  events: EventTable;
}

interface KeyTable {
  id: Generated<number>;
  name: string;
  role: string;
  /** SHA-256 of the key, hex. The key itself is shown once and kept nowhere. */
  hash: string;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
}

/** A token that the service made. The token itself is shown once and kept nowhere. */
interface TokenTable {
  /** What the token calls itself (`jti`). */
  id: string;
  kind: TokenKind;
  subject: string;
  /** Of a person; a device has none. */
  role: string | null;
  created_at: number;
  expires_at: number;
  revoked_at: number | null;
}

/** Tokens of a subject that were issued until then are revoked, listed or not. */
interface TokenCutoffTable {
  kind: TokenKind;
  subject: string;
  issued_until: number;
}

interface ModelTable {
  model: string;
  auth: string;
  /** Signatures by one of these keys (PEM, JSON list) are required when the list is not empty. */
  public_keys: string;
}

interface ReleaseTable {
  id: Generated<number>;
  model: string;
  version: string;
  build: number;
  filename: string;
  binary_path: string;
  size: number;
  sha256: string;
  md5: string;
  elf_sha256: string | null;
  chip: string | null;
  min_version: string | null;
  description: string | null;
  release_notes: string | null;
  changelog: string | null;
  stable: number;
  active: number;
  signed: number;
  /** Detached signature of the file, base64. */
  signature: string | null;
  created_at: number;
  updated_at: number;
  released_at: number | null;
  created_by: string;
}

interface UploadTable {
  path: string;
  model: string;
  version: string;
  filename: string;
  size: number;
  sha256: string;
  md5: string;
  elf_sha256: string | null;
  chip: string | null;
  image_version: string | null;
  image_build: number | null;
  created_at: number;
}

interface RolloutTable {
  id: Generated<number>;
  name: string;
  release_id: number;
  model: string;
  audience: string;
  state: string;
  allow_downgrade: number;
  deadline_ms: number;
  created_at: number;
  updated_at: number;
  created_by: string;
}

interface DeviceTable {
  /** What other tables call the device. */
  number: Generated<number>;
  id: string;
  model: string;
  version: string;
  build: number | null;
  image_sha256: string | null;
  chip: string | null;
  groups: string;
  labels: string;
  setbacks: string;
  /** The last attempt, open or not. */
  attempt_id: number | null;
  created_at: number;
}

/** When devices were heard of: narrow rows, because every check changes one. */
interface SightingTable {
  number: number;
  last_seen_at: number;
  checked_at: number;
}

interface AttemptTable {
  id: Generated<number>;
  device_id: string;
  release_id: number;
  rollout_id: number | null;
  state: string;
  progress: number;
  bytes: number;
  error: string | null;
  from_version: string;
  from_build: number | null;
  created_at: number;
  started_at: number | null;
  downloaded_at: number | null;
  installed_at: number | null;
  completed_at: number | null;
  updated_at: number;
  /** How long the device had been up then, when it said so. */
  uptime_ms: number | null;
  /** When silence becomes `timed_out`; null when the attempt waits for nothing. */
  deadline_at: number | null;
}

interface TransitionTable {
  id: Generated<number>;
  attempt_id: number;
  device_id: string;
  at: number;
  from_state: string | null;
  to_state: string;
  source: string;
  detail: string | null;
}

interface EventTable {
  id: Generated<number>;
  at: number;
  type: string;
  actor: string;
  model: string | null;
  version: string | null;
  rollout: string | null;
  device_id: string | null;
  data: string;
}

export type ReleaseRow = Selectable<ReleaseTable>;
export type NewRelease = Insertable<ReleaseTable>;
export type ReleaseChange = Updateable<ReleaseTable>;
export type UploadRow = Selectable<UploadTable>;
export type RolloutRow = Selectable<RolloutTable>;
export type NewRollout = Insertable<RolloutTable>;
export type RolloutChange = Updateable<RolloutTable>;
/** A device with when it was heard of. */
export type DeviceRow = Selectable<DeviceTable> & Selectable<SightingTable>;
export type AttemptRow = Selectable<AttemptTable>;
export type NewAttempt = Insertable<AttemptTable>;
export type TransitionRow = Selectable<TransitionTable>;
export type EventRow = Selectable<EventTable>;
export type KeyRow = Selectable<KeyTable>;
export type TokenRow = Selectable<TokenTable>;
export type TokenCutoffRow = Selectable<TokenCutoffTable>;
export type ModelRow = Selectable<ModelTable>;
