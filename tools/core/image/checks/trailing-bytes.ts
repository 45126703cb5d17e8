import { defineCheck } from '../check.ts';
import { hexNumber } from '../finding.ts';

export const trailingBytes = defineCheck({
  name: 'trailing-bytes',
  level: 'warning',
  wants: 'nothing but padding behind the image and its signature',
  reason: 'devices download and store it, and nothing protects it: it is in no hash',
  remedy: 'Give the file as the build made it.',
  run({ image }) {
    if (image.kind !== 'app' && image.kind !== 'image') return undefined;
    if (image.trailing?.content !== 'data') return undefined;
    const { sizeBytes, fileOffset } = image.trailing;
    return { found: `${sizeBytes} bytes at ${hexNumber(fileOffset)}`, expected: 'none' };
  },
});
