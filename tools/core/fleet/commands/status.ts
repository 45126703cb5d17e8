/** What a device says it is doing. */
export type DeviceState =
  | 'idle'
  | 'checking'
  | 'pending'
  | 'downloading'
  | 'downloaded'
  | 'installing'
  | 'success'
  | 'failed'
  | 'rolled_back';

/** One status message. Texts are bounded and hold no control characters; empty texts are left out. */
export interface DeviceStatus {
  readonly state: DeviceState;
  /** 0 to 100. */
  readonly progressPct?: number;
  readonly message?: string;
  readonly error?: string;
  readonly currentVersion?: string;
  readonly availableVersion?: string;
  /** The running image is on trial: it has not confirmed itself yet. */
  readonly rollbackPending?: boolean;
  readonly freeHeapBytes?: number;
  readonly uptimeS?: number;
  /** As the device sends it: firmware of the seed sends its uptime here, not the time of day. */
  readonly timestampUs?: number;
  readonly deviceId?: string;
  /** Kind of device, as the update service knows it. */
  readonly model?: string;
  /** Build number of the running image. */
  readonly build?: number;
  /** The command that this answers. */
  readonly commandId?: string;
  /** Every field that is not known here, or not of the known type. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export type ParsedStatus =
  | { readonly ok: true; readonly status: DeviceStatus }
  | { readonly ok: false; readonly problem: string };

/** Seed 002: the codes 0 to 6 of the field `status`. */
export const seedStatusCodes = [
  'idle',
  'checking',
  'downloading',
  'installing',
  'success',
  'failed',
  'rolled_back',
] as const satisfies readonly DeviceState[];

/** Words for the same states: this toolkit's, the update service's and those of `fw_state` (TB). */
const stateWords: Readonly<Record<string, DeviceState>> = {
  idle: 'idle',
  checking: 'checking',
  pending: 'pending',
  queued: 'pending',
  initiated: 'pending',
  downloading: 'downloading',
  downloaded: 'downloaded',
  verified: 'downloaded',
  installing: 'installing',
  updating: 'installing',
  success: 'success',
  updated: 'success',
  failed: 'failed',
  rollback: 'rolled_back',
  rolled_back: 'rolled_back',
};

/** More than any status message needs. */
export const largestMessageBytes = 65_536;
const longestText = 512;
const deepestExtra = 8;

/** Field by field: names on the wire, and how a value is read; `undefined` means "not of this type". */
const fields = [
  ['progressPct', ['progress_pct', 'progress'], readPercent],
  ['message', ['message'], readText],
  ['error', ['error', 'error_message', 'fw_error'], readText],
  ['currentVersion', ['current_version', 'current_fw_version'], readText],
  ['availableVersion', ['available_version', 'target_version'], readText],
  ['rollbackPending', ['rollback_pending'], readBoolean],
  ['freeHeapBytes', ['free_heap'], readCount],
  ['uptimeS', ['uptime_sec'], readCount],
  ['timestampUs', ['timestamp_us'], readCount],
  ['deviceId', ['device_id'], readText],
  ['model', ['device_model', 'device_type'], readText],
  ['build', ['current_build'], readBuild],
  ['commandId', ['command_id'], readText],
] as const satisfies readonly (readonly [
  keyof DeviceStatus,
  readonly string[],
  (v: unknown) => unknown,
])[];

/**
 * Reads a status message: the seed's JSON with a code in `status` (seeds-behaviour.md, 3.2), or one with a word in
 * `status`, `state` or `fw_state`. Never throws: a message that is not understood is a counted result.
 */
export function parseStatus(payload: Uint8Array): ParsedStatus {
  const message = parseMessage(payload);
  return typeof message === 'string' ? problem(message) : readStatus(message);
}

/** Reads the JSON object that a device sent; a text is what is wrong with it. */
export function parseMessage(payload: Uint8Array): Record<string, unknown> | string {
  if (payload.length > largestMessageBytes) return `has ${payload.length} bytes`;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString());
  } catch {
    return payload.length === 0 ? 'is empty' : 'is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return 'is not a JSON object';
  }
  if (isDeeperThan(value, deepestExtra)) return 'is nested too deeply';
  return value as Record<string, unknown>;
}

function readStatus(message: Record<string, unknown>): ParsedStatus {
  const rest = new Map(Object.entries(message));
  const stateKey = ['status', 'state', 'fw_state'].find((name) => rest.has(name));
  if (stateKey === undefined) return problem('has no field "status"');
  const state = readState(rest.get(stateKey));
  if (state === undefined) {
    return problem(`has an unknown status: ${cleanText(JSON.stringify(rest.get(stateKey)), 40)}`);
  }
  rest.delete(stateKey);
  const known: Record<string, unknown> = {};
  for (const [property, names, read] of fields) {
    for (const name of names) {
      const value = rest.has(name) ? read(rest.get(name)) : undefined;
      if (value === undefined || property in known) continue;
      rest.delete(name);
      if (value !== '') known[property] = value;
    }
  }
  return { ok: true, status: { state, ...known, extra: Object.fromEntries(rest) } };
}

function readState(value: unknown): DeviceState | undefined {
  const code = typeof value === 'string' && /^\d$/.test(value) ? Number(value) : value;
  if (typeof code === 'number') return seedStatusCodes[code];
  if (typeof code !== 'string') return;
  const word = code.toLowerCase();
  return Object.hasOwn(stateWords, word) ? stateWords[word] : undefined;
}

export function readPercent(value: unknown): number | undefined {
  if (typeof value !== 'number' || !Number.isFinite(value)) return;
  return Math.min(100, Math.max(0, Math.round(value)));
}

export function readText(value: unknown): string | undefined {
  return typeof value === 'string' ? cleanText(value, longestText) : undefined;
}

function readBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

export function readCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** The range that the update service knows. */
function readBuild(value: unknown): number | undefined {
  const build = Number.isInteger(value) ? readCount(value) : undefined;
  return build !== undefined && build <= 0x7fff_ffff ? build : undefined;
}

/** Uptime in seconds. Firmware of the seed sends it in microseconds, too, as `timestamp_us`. */
export function exactUptimeS({ uptimeS, timestampUs }: DeviceStatus): number | undefined {
  if (uptimeS === undefined || timestampUs === undefined) return uptimeS;
  const exact = timestampUs / 1e6;
  return exact >= uptimeS && exact < uptimeS + 1 ? exact : uptimeS;
}

/** Texts of devices are shown on terminals: no escape sequences, no reversed direction. */
export function cleanText(text: string, longest: number): string {
  const clean = text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
  // A cut may not leave half of a pair behind.
  return clean.length > longest ? `${clean.slice(0, longest - 1).replace(/\p{Cs}$/u, '')}…` : clean;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((item) => isDeeperThan(item, levels - 1));
}

function problem(why: string): ParsedStatus {
  return { ok: false, problem: why };
}
