import type { FleetWatch, WatchedDevice } from '../../messaging/fleet-watch.ts';
import type { Io } from '../io.ts';
import { formatBytes, renderTable } from '../render.ts';

const barLength = 12;
/** Redrawing more often costs more than it shows. */
const redrawMs = 250;

/** A table on a terminal that is drawn over itself. */
export interface WatchTable {
  changed(watch: FleetWatch): void;
  close(watch: FleetWatch): void;
}

export function createWatchTable(io: Io, rows: number): WatchTable {
  let timer: NodeJS.Timeout | undefined;
  let drawn = 0;
  const draw = (watch: FleetWatch) => {
    timer = undefined;
    const text = renderWatch(watch, io.now().getTime(), rows);
    const lines = text.split('\n').map((row) => row.slice(0, io.stdout.columns));
    // ECMA-48: CUU (cursor up), ED (erase below).
    io.stdout.write(`${drawn === 0 ? '' : `\u001b[${drawn}A`}\u001b[J${lines.join('\n')}\n`);
    drawn = lines.length;
  };
  return {
    changed(watch) {
      timer ??= setTimeout(() => draw(watch), redrawMs);
    },
    close(watch) {
      clearTimeout(timer);
      draw(watch);
    },
  };
}

/** Busy devices first when there are more than fit. */
export function renderWatch(watch: FleetWatch, nowMs: number, most: number): string {
  const all = watch.devices();
  const busy = (device: WatchedDevice) => (device.status?.state === 'idle' ? 1 : 0);
  const shown =
    all.length <= most ? all : [...all].sort((a, b) => busy(a) - busy(b)).slice(0, most);
  const head = ['device', 'state', 'progress', 'runs', 'offered', 'heap', 'seen', 'message'];
  const table = renderTable([head, ...shown.map((device) => rowOf(device, nowMs))]);
  const more = shown.length < all.length ? `, ${all.length - shown.length} not shown` : '';
  const odd = watch.malformed === 0 ? '' : `, ${watch.malformed} not understood`;
  return `${table}\n${all.length} devices${more}; ${watch.messages} messages${odd}`;
}

function rowOf(device: WatchedDevice, nowMs: number): string[] {
  const { status, problem } = device;
  const seen = `${Math.max(0, Math.round((nowMs - device.lastSeenMs) / 1000))} s`;
  if (status === undefined) {
    return [device.device, '?', '', '', '', '', seen, problem ?? ''];
  }
  const trial = status.rollbackPending === true ? '?' : '';
  return [
    device.device,
    status.state.replaceAll('_', ' '),
    bar(status.progressPct ?? 0, status.state),
    `${status.currentVersion ?? ''}${trial}`,
    status.availableVersion ?? '',
    status.freeHeapBytes === undefined ? '' : formatBytes(status.freeHeapBytes),
    device.retained ? 'kept' : seen,
    problem ?? status.error ?? status.message ?? '',
  ];
}

function bar(percent: number, state: string): string {
  if (state !== 'downloading' && state !== 'installing') return '';
  const full = Math.round((percent * barLength) / 100);
  return `${'#'.repeat(full)}${'.'.repeat(barLength - full)} ${percent} %`;
}
