import type { Check } from '../check.ts';
import { antiRollbackSlot } from './anti-rollback-slot.ts';
import { appDescriptor } from './app-descriptor.ts';
import { appImage } from './app-image.ts';
import { buildAgrees } from './build-agrees.ts';
import { checksum } from './checksum.ts';
import { chip } from './chip.ts';
import { dirtyVersion } from './dirty-version.ts';
import { downgrade } from './downgrade.ts';
import { fitsSlot } from './fits-slot.ts';
import { hardwareName } from './hardware-name.ts';
import { hash } from './hash.ts';
import { otaTable } from './ota-table.ts';
import { projectName } from './project-name.ts';
import { sameBits } from './same-bits.ts';
import { secureVersion } from './secure-version.ts';
import { secureVersionRange } from './secure-version-range.ts';
import { signature } from './signature.ts';
import { signatureValid } from './signature-valid.ts';
import { slotSpace } from './slot-space.ts';
import { structure } from './structure.ts';
import { tableValid } from './table-valid.ts';
import { trailingBytes } from './trailing-bytes.ts';
import { versionExplicit } from './version-explicit.ts';
import { versionMatch } from './version-match.ts';

/** All checks of firmware that is to be released, in the order in which they are reported. */
export const checks: readonly Check[] = [
  appImage,
  appDescriptor,
  structure,
  checksum,
  hash,
  trailingBytes,
  chip,
  hardwareName,
  projectName,
  versionMatch,
  versionExplicit,
  dirtyVersion,
  downgrade,
  sameBits,
  fitsSlot,
  slotSpace,
  otaTable,
  tableValid,
  secureVersion,
  secureVersionRange,
  antiRollbackSlot,
  signature,
  signatureValid,
  buildAgrees,
];
