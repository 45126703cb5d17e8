import { describe, expect, it } from 'vitest';
import { cannotUseRsync, explainSshEnd } from '../../../tools/core/publishing/ssh-failure.ts';

const ended = (stderr: string, exitCode = 255) => ({
  program: 'ssh',
  host: 'pi@nas',
  exitCode,
  stderr,
});

describe('how ssh ended', () => {
  it.each([
    ['pi@nas: Permission denied (publickey,password).', 'pi@nas takes none of our keys'],
    [
      'Host key verification failed.\r\nlost connection',
      'the host key of pi@nas is not known here',
    ],
    [
      '@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.',
      'pi@nas shows another host key',
    ],
    ['ssh: Could not resolve hostname nas: Name or service not known', 'pi@nas has no address'],
    ['ssh: connect to host nas port 22: Connection refused', 'pi@nas cannot be reached'],
    ['client_loop: send disconnect: Broken pipe', 'the connection to pi@nas was lost'],
    ['Timeout, server nas not responding.', 'the connection to pi@nas was lost'],
    ['mkdir: /var/www: Permission denied', 'the user may not write there on pi@nas'],
    ['rsync: [receiver] write failed: No space left on device (28)', 'pi@nas has no space left'],
    ['something else', 'ssh ended with status 255 at pi@nas'],
  ])('%j', (stderr, message) => {
    const error = explainSshEnd(ended(stderr));
    expect(error.message.startsWith(message)).toBe(true);
    expect(error.code).toBe('publish-failed');
    expect(error.hint).toBeDefined();
  });

  it('is shown with what the programs said, fit for a terminal', () => {
    const { details } = explainSshEnd(ended('a\nb\nc\n\nd\ne\r\n\u001b[2Jf\n'));
    expect(details).toEqual(['b', 'c', 'd', 'e', '\\x1b[2Jf']);
  });
});

describe('rsync', () => {
  it.each([
    ['bash: line 1: rsync: command not found', 127],
    ['sh: 1: rsync: not found\nrsync: connection unexpectedly closed', 12],
    ['zsh:1: command not found: rsync', 127],
    ['fish: Unknown command: rsync', 127],
    ['rsync: illegal option -- s', 1],
  ])('gives way to scp after %j', (stderr, exitCode) => {
    expect(cannotUseRsync(ended(stderr, exitCode))).toBe(true);
  });

  it.each([
    ['rsync: connection unexpectedly closed', 12],
    ['rsync: [sender] link_stat "/x" failed: No such file or directory (2)', 23],
  ])('does not after %j', (stderr, exitCode) => {
    expect(cannotUseRsync(ended(stderr, exitCode))).toBe(false);
  });
});
