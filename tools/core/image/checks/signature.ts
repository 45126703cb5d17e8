import { defineCheck } from '../check.ts';
import type { FirmwareKind } from '../firmware-file.ts';

const firmware: readonly FirmwareKind[] = ['app', 'image', 'esp8266-v1', 'esp8266-v2'];

export const signature = defineCheck({
  name: 'signature',
  level: 'error',
  wants: 'a secure boot signature when the build has secure boot, or the product asks for one',
  reason: 'devices that check signatures refuse unsigned firmware, or never boot it',
  remedy: 'Sign it first: `espsecure sign-data --version 2 --keyfile KEY`, or let the build sign.',
  run({ image, product, build }) {
    const asking =
      product.requireSignature === true
        ? 'the product'
        : build?.config?.signedApps === true
          ? "the build's configuration"
          : undefined;
    const signed = 'signature' in image && image.signature !== undefined;
    if (asking === undefined || signed || !firmware.includes(image.kind)) return undefined;
    return { found: 'an unsigned image', expected: `a signature: ${asking} asks for it` };
  },
});
