import type { Artifact } from '../release/release.ts';
import { isUpdate } from '../release/release.ts';
import { type ExportFacts, exportImpossible } from './format.ts';

/**
 * The one artifact that is sent over the air.
 *
 * @throws OtaError `export-impossible` when there is none, or more than one
 */
export function requireApp(format: string, facts: ExportFacts): Artifact {
  const apps = facts.release.artifacts.filter(isUpdate);
  const [app] = apps;
  if (app !== undefined && apps.length === 1) return app;
  const names = apps.map(({ filename }) => filename).join(', ');
  throw exportImpossible(
    format,
    facts,
    [
      apps.length === 0
        ? 'no artifact has the role app'
        : `several artifacts could be the app: ${names}`,
    ],
    'The format holds one app: give the artifacts their roles in ota.json, or package them as releases of their own.',
  );
}
