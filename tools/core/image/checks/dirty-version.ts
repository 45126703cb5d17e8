import { quoted } from '../../display-text.ts';
import { defineCheck } from '../check.ts';

export const dirtyVersion = defineCheck({
  name: 'dirty-version',
  level: 'warning',
  wants: 'a version without -dirty, that is, a build from committed sources',
  reason: 'nobody can build or debug this firmware again',
  remedy: 'Commit, configure again (`idf.py reconfigure`) and build.',
  run({ image, version }) {
    const inImage =
      image.kind === 'app' && !image.descriptor.placeholder ? [image.descriptor.version] : [];
    const found = [...inImage, version].find(isDirty);
    return found === undefined
      ? undefined
      : { found: `the version ${quoted(found)}`, expected: 'a build from committed sources' };
  },
});

/** The build cuts versions to 31 characters, and so sometimes the word itself. */
function isDirty(version: string): boolean {
  return /-dirty$/.test(version) || (version.length >= 31 && /-d(?:i|ir|irt)?$/.test(version));
}
