import { defineCheck } from '../check.ts';
import { verdictProblems } from '../problems.ts';

export const signatureValid = defineCheck({
  name: 'signature-valid',
  level: 'error',
  wants: 'every secure boot signature in the image to verify with its own key',
  reason: 'the boot ROM refuses the image',
  remedy: 'The file changed after it was signed, or the signature is damaged: sign it again.',
  run({ image }) {
    if (image.kind !== 'app' && image.kind !== 'image') return undefined;
    const problem = verdictProblems(image).find((line) => line.startsWith('signature'));
    return problem === undefined
      ? undefined
      : { found: problem, expected: 'a signature over these bytes' };
  },
});
