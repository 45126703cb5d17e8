import profileSchema from '../../../schemas/fleet-profile.schema.json' with { type: 'json' };
import { OtaError } from '../../core/errors.ts';
import {
  parseTopicTemplate,
  type TopicTemplate,
} from '../../core/fleet/commands/topic-template.ts';
import { defineSchema, formatProblem, type Problem } from '../../core/schema.ts';
import { type PublicKey, parsePublicKey } from '../../core/signing/key.ts';

export type FaultName =
  | 'silent'
  | 'slow'
  | 'fail_at'
  | 'bad_hash'
  | 'bad_signature'
  | 'old_image'
  | 'self_test'
  | 'disconnect'
  | 'power_cut'
  | 'clock_off'
  | 'duplicate';

/** What is wrong with one device. */
export interface Fault {
  readonly name: FaultName;
  readonly percent: number;
  readonly delayMs: number;
}

export function hasFault(fault: Fault | undefined, name: FaultName): boolean {
  return fault?.name === name;
}

/** What all devices of a fleet have in common. */
export interface FleetProfile {
  readonly devicePrefix: string;
  readonly version: string;
  /** Of the image that runs in the beginning, and in the eFuse. */
  readonly secureVersion: number;
  readonly commandTopic: TopicTemplate;
  readonly statusTopic: TopicTemplate;
  readonly commandIds: boolean;
  readonly source: 'https' | 'pull' | 'push' | 'announce';
  readonly serverUrl?: string;
  readonly ca?: string;
  /** Whom the devices trust to sign: PEM texts, or paths of PEM files. */
  readonly publicKeys: readonly string[];
  readonly topic?: string;
  readonly chunkBytes: number;
  readonly slotBytes: number;
  readonly bootMs: number;
  readonly selfTestMs: number;
  /** One for each of the first devices. */
  readonly faults: readonly Fault[];
}

interface ProfileFile {
  readonly device_prefix?: string;
  readonly version?: string;
  readonly secure_version?: number;
  readonly command_topic?: string;
  readonly status_topic?: string;
  readonly command_ids?: boolean;
  readonly source?: FleetProfile['source'];
  readonly server_url?: string;
  readonly ca?: string;
  readonly public_keys?: readonly string[];
  readonly topic?: string;
  readonly chunk_size?: number;
  readonly slot_bytes?: number;
  readonly boot_ms?: number;
  readonly self_test_ms?: number;
  readonly faults?: readonly {
    readonly fault: FaultName;
    readonly count: number;
    readonly percent?: number;
    readonly delay_ms?: number;
  }[];
}

const checkSchema = defineSchema(profileSchema);

/**
 * Reads a profile (schemas/fleet-profile.schema.json), and fills in what it leaves out.
 *
 * @throws OtaError `profile-invalid` with all problems, `topic-invalid`
 */
export function parseFleetProfile(value: unknown, where: string): FleetProfile {
  const problems = checkSchema(value);
  const file = value as ProfileFile;
  const source = file.source ?? 'https';
  if (problems.length === 0) problems.push(...ruleProblems(file, source));
  if (problems.length > 0) {
    throw new OtaError('profile-invalid', `${where} is not a valid fleet profile`, {
      details: problems.map(formatProblem),
      hint: 'docs/fleet.md lists every key of a profile.',
    });
  }
  const place = ['device'];
  return {
    devicePrefix: file.device_prefix ?? 'dev-',
    version: file.version ?? '1.0.0',
    secureVersion: file.secure_version ?? 0,
    commandTopic: parseTopicTemplate(file.command_topic ?? 'fleet/{device}/ota/command', place),
    statusTopic: parseTopicTemplate(file.status_topic ?? 'fleet/{device}/ota/status', place),
    commandIds: file.command_ids ?? true,
    source,
    ...(file.server_url === undefined ? {} : { serverUrl: file.server_url.replace(/\/+$/, '') }),
    ...(file.ca === undefined ? {} : { ca: file.ca }),
    publicKeys: file.public_keys ?? [],
    ...(file.topic === undefined ? {} : { topic: file.topic }),
    chunkBytes: file.chunk_size ?? 16_384,
    slotBytes: file.slot_bytes ?? 1536 * 1024,
    bootMs: file.boot_ms ?? 200,
    selfTestMs: file.self_test_ms ?? 100,
    faults: (file.faults ?? []).flatMap(({ fault, count, percent = 50, delay_ms = 500 }) =>
      Array.from({ length: Math.min(count, mostFaults) }, () => ({
        name: fault,
        percent,
        delayMs: delay_ms,
      })),
    ),
  };
}

/** What the schema cannot say. */
function ruleProblems(file: ProfileFile, source: FleetProfile['source']): Problem[] {
  const problems: Problem[] = [];
  if (source === 'https' && file.server_url === undefined) {
    problems.push({ path: 'server_url', message: 'is needed for the source https' });
  }
  if ((source === 'push' || source === 'announce') && file.topic === undefined) {
    problems.push({ path: 'topic', message: `is needed for the source ${source}` });
  }
  const spoiled = file.faults?.some(({ fault }) => fault === 'bad_signature') === true;
  if (spoiled && (file.public_keys ?? []).length === 0) {
    problems.push({ path: 'public_keys', message: 'are needed for the fault bad_signature' });
  }
  return problems;
}

const mostFaults = 100_000;

/**
 * A key that devices can check signatures with.
 *
 * @throws OtaError `key-invalid`, `key-unsupported` (Ed25519 included: mbedTLS has none)
 */
export function parseDeviceKey(pem: string, where: string): PublicKey {
  const key = parsePublicKey(pem, where);
  if (key.algorithm !== 'ed25519') return key;
  throw new OtaError('key-unsupported', `${where} is an Ed25519 key, which devices cannot use`, {
    hint: 'mbedTLS has no Ed25519: sign with ECDSA on P-256, or with RSA.',
  });
}

/** `dev-0007`. */
export function deviceName(profile: FleetProfile, index: number): string {
  return `${profile.devicePrefix}${String(index).padStart(4, '0')}`;
}
