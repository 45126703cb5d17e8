import type { Snapshot } from '../releases/catalog.ts';
import type { Service } from '../service.ts';
import type { ReleaseRow } from '../store/tables.ts';

/** Where devices must show who they are, download addresses are signed. */
export function demandsLink(
  { settings, catalog }: Pick<Service, 'settings' | 'catalog'>,
  model: string,
): boolean {
  return settings.downloadSecret !== undefined || catalog.current().model(model).auth !== 'open';
}

/** Which of the releases of one version is meant, where there are several. */
export interface DownloadChoice {
  readonly device_model?: string | undefined;
  readonly build_number?: number | undefined;
}

/** Relative, as in seed 003: its devices put the server in front. Model and build stand there when they are needed. */
export function downloadUrl(
  service: Pick<Service, 'settings' | 'catalog' | 'links'>,
  row: ReleaseRow,
  device: string,
  catalog: Snapshot,
): string {
  const { model, version, build } = row;
  const isTwin = activeOf(catalog, version, {}).length > 1;
  const hasOtherBuilds = activeOf(catalog, version, { device_model: model }).length > 1;
  const query = [
    ...(isTwin ? [`device_model=${encodeURIComponent(model)}`] : []),
    ...(hasOtherBuilds ? [`build_number=${build}`] : []),
    ...(demandsLink(service, model) ? [service.links.sign(row.id, device)] : []),
  ].join('&');
  const path = `/api/firmware/download/${encodeURIComponent(version)}`;
  return query === '' ? path : `${path}?${query}`;
}

/**
 * The release that an address means. One that leaves model or build open was given when there was one release to mean:
 * what was published since does not take its place in the middle of a download.
 */
export function findDownload(
  catalog: Snapshot,
  version: string,
  choice: DownloadChoice,
): ReleaseRow | undefined {
  return activeOf(catalog, version, choice).sort((a, b) => a.id - b.id)[0];
}

function activeOf(
  { releases }: Snapshot,
  version: string,
  { device_model: model, build_number: build }: DownloadChoice,
): ReleaseRow[] {
  return releases.filter(
    (row) =>
      row.version === version &&
      row.active === 1 &&
      (model === undefined || row.model === model) &&
      (build === undefined || row.build === build),
  );
}
