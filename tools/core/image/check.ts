import type { BuildFolder } from '../build/build-folder.ts';
import type { FirmwareFile } from './firmware-file.ts';
import type { PartitionTable } from './partitions/table.ts';

export type CheckLevel = 'error' | 'warning' | 'off';

/** What is known of an earlier release of the same product. */
export interface PackagedRelease {
  readonly version: string;
  /** Of its firmware files, lowercase hex. */
  readonly sha256: readonly string[];
  readonly secureVersion?: number | undefined;
  readonly createdAt?: string | undefined;
}

/** What a product demands of its firmware (`product` in the root manifest). */
export interface ProductDemands {
  /** Names of chips or modules; any of them is right. */
  readonly hardware: readonly string[];
  /** Project name in the app descriptor; `undefined`: any. */
  readonly project?: string | undefined;
  /** Unsigned firmware is refused. */
  readonly requireSignature?: boolean;
}

/** Everything that the checks look at; all of it has been read already. */
export interface CheckSubject {
  readonly image: FirmwareFile;
  /** Of the whole file, lowercase hex. */
  readonly sha256: string;
  /** Under which the firmware is to be released. */
  readonly version: string;
  /** A person chose the version; otherwise it was taken from the build. */
  readonly versionGiven: boolean;
  readonly product: ProductDemands;
  readonly partitionTable?: PartitionTable | undefined;
  readonly build?: Pick<BuildFolder, 'config' | 'disagreements'> | undefined;
  readonly releases: readonly PackagedRelease[];
}

/** Why a check is not content: two halves of a sentence, safe to be shown. */
export interface CheckFinding {
  readonly found: string;
  readonly expected: string;
  /** Where the check's own remedy is not precise enough. */
  readonly remedy?: string;
}

/** One rule about firmware that is to be released. */
export interface Check {
  /** What `--allow` and `product.checks` call it. */
  readonly name: string;
  /** Unless `product.checks` says otherwise. What can brick a device is an error. */
  readonly level: CheckLevel;
  /** What the check wants, in half a sentence. */
  readonly wants: string;
  /** What happens to devices when it is ignored. */
  readonly reason: string;
  /** What to do when it fails. */
  readonly remedy: string;
  /** `undefined`: content, or there is nothing to look at. */
  run(subject: CheckSubject): CheckFinding | undefined;
}

export function defineCheck(check: Check): Check {
  return check;
}
