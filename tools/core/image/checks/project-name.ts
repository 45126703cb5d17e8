import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';
import { sameCutText } from '../esp/app-descriptor.ts';

export const projectName = defineCheck({
  name: 'project-name',
  level: 'error',
  wants: 'the project name in the image to be product.project, where that is set',
  reason: "another product's firmware runs on the same chip, and does the wrong thing",
  remedy: 'Give the build of this project, or correct product.project in the root manifest.',
  run({ image, product }) {
    if (product.project === undefined || image.kind !== 'app' || image.descriptor.placeholder) {
      return undefined;
    }
    const { projectName: found } = image.descriptor;
    if (sameCutText(found, product.project)) return undefined;
    return { found: `the project ${quoted(found)}`, expected: quoted(product.project) };
  },
});
