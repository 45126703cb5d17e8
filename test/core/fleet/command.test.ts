import { describe, expect, it } from 'vitest';
import { formatCommand, parseCommand } from '../../../tools/core/fleet/commands/command.ts';

describe('a command', () => {
  it("is the seed's JSON, with a command id", () => {
    expect(formatCommand({ action: 'check', force: true, commandId: 'c1' })).toBe(
      '{"action":"check","command_id":"c1"}',
    );
    expect(
      formatCommand({ action: 'update', force: false, commandId: 'c1', version: '1.1.0' }),
    ).toBe('{"action":"update","force":false,"command_id":"c1","version":"1.1.0"}');
  });

  it("of the seed's document is understood by a device", () => {
    expect(parseCommand(Buffer.from('{"action": "update", "force": true}'))).toEqual({
      action: 'update',
      force: true,
    });
    expect(parseCommand(Buffer.from('{"action":"rollback","command_id":"x","new":1}'))).toEqual({
      action: 'rollback',
      force: false,
      commandId: 'x',
    });
  });

  it.each([
    ['{', 'is not JSON'],
    ['{}', 'the key "action" is missing'],
    ['{"action":"reboot"}', /^action: must be one of check, update, rollback, status/],
  ])('that is malformed is said to be so: %s', (text, problem) => {
    expect(parseCommand(Buffer.from(text))).toMatch(problem);
  });
});
