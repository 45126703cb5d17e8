import { createHash } from 'node:crypto';

/**
 * Where a device stands in every percentage: 0 to 99, the same for ever, so that raising a percentage only adds
 * devices. SHA-256 of the id (UTF-8) as one big number, modulo 100. Source: seed 003, `_is_in_percentage`.
 */
export function bucketOf(deviceId: string): number {
  let remainder = 0;
  for (const byte of createHash('sha256').update(deviceId, 'utf8').digest()) {
    remainder = (remainder * 256 + byte) % 100;
  }
  return remainder;
}

/** Whether a device belongs to the first `percentage` of all: 0 is nobody, 100 is everybody. */
export function isInPercentage(deviceId: string, percentage: number): boolean {
  if (percentage >= 100) return true;
  return percentage > 0 && bucketOf(deviceId) < percentage;
}
