import { type DeviceWait, describeStatus } from '../../core/fleet/commands/wait.ts';
import type { CommandEvent } from '../../messaging/command-run.ts';
import type { CommandResult } from '../../workflows/command.ts';
import { type Io, line } from '../io.ts';
import { renderTable } from '../render.ts';

/** Says what happens while a command runs, on the error output. */
export function sayCommandEvent(
  io: Io,
  event: CommandEvent | { readonly type: 'lost' | 'back' },
): void {
  if (event.type === 'sent') line(io.stderr, `sent to ${event.devices.join(', ')}`);
  if (event.type === 'lost') line(io.stderr, 'connection to the broker lost; trying again');
  if (event.type === 'back') line(io.stderr, 'connection to the broker is back');
  if (event.type === 'moved' && event.wait.fresh !== undefined) {
    line(io.stderr, `${event.wait.device}: ${describeStatus(event.wait.fresh)}`);
  }
  if (event.type === 'ended') line(io.stderr, `${event.wait.device}: ${wordOf(event.wait)}`);
}

/** How it ended: failures first, each with its reason, then the sum. */
export function renderCommandResult(result: CommandResult): string {
  const sorted = [...result.waits].sort(
    (a, b) => Number(a.outcome?.ok ?? false) - Number(b.outcome?.ok ?? false),
  );
  const rows = sorted.map((wait) => [wait.device, wordOf(wait), wait.outcome?.reason ?? '']);
  const good = result.waits.filter(({ outcome }) => outcome?.ok === true).length;
  const count = result.waits.length;
  const lines = [
    renderTable([['device', 'outcome', 'reason'], ...rows]),
    `${good} of ${count} ${count === 1 ? 'device' : 'devices'} ended well${result.cancelled ? ' (cancelled)' : ''}`,
  ];
  if (result.malformed > 0) lines.push(`${result.malformed} status messages were not understood`);
  lines.push(...result.warnings.map((text) => `warning: ${text}`));
  return lines.join('\n');
}

/** The same for machines. */
export function commandResultJson(action: string, result: CommandResult): object {
  return {
    ok: result.ok && !result.cancelled,
    action,
    command_id: result.commandId,
    malformed: result.malformed,
    warnings: result.warnings,
    devices: result.waits.map(({ device, outcome, last }) => ({
      device,
      ok: outcome?.ok ?? null,
      outcome: outcome?.kind ?? 'open',
      reason: outcome?.reason ?? '',
      ...(last === undefined ? {} : { last_state: describeStatus(last) }),
    })),
  };
}

function wordOf({ outcome }: DeviceWait): string {
  return outcome === undefined ? 'open' : outcome.kind.replaceAll('_', ' ');
}
