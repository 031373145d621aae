import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isSecureUrl } from '../src/secure-url.ts';

const test = suite('secure-url');

test('[R9449-2-01] https is secure wherever it leads', () => {
  for (const url of [
    'https://rs.example',
    'https://192.0.2.1:8443/a?b#c',
    'HTTPS://localhost',
    'https://[2001:db8::1]',
  ]) {
    assert.ok(isSecureUrl(new URL(url)), url);
  }
});

test('[R9449-2-01] plain http is secure on this machine alone', () => {
  const loopback = [
    'localhost',
    'LOCALHOST:3000',
    '127.0.0.1',
    '127.255.255.254:80',
    '127.1',
    '[::1]',
    '[0:0:0:0:0:0:0:1]:3000',
  ];
  for (const host of loopback) assert.ok(isSecureUrl(new URL(`http://${host}/`)), host);
});

test('[R9449-2-01] plain http anywhere else is not, whatever the name suggests', () => {
  const names = [
    'rs.example',
    'localhost.evil.example',
    'notlocalhost',
    'localhost.',
    '127.0.0.1.evil.example',
  ];
  const numbers = [
    '128.0.0.1',
    '10.0.0.1',
    '0.0.0.0',
    '192.168.0.1',
    '[::2]',
    '[::]',
    '[::ffff:127.0.0.1]',
    '1.127.0.0',
  ];
  for (const host of [...names, ...numbers]) assert.not(isSecureUrl(new URL(`http://${host}/`)), host);
});

test('[R9449-2-01] no other scheme is', () => {
  for (const url of [
    'ftp://localhost/',
    'ws://localhost/',
    'wss://rs.example/',
    'file:///etc/hosts',
    'data:,localhost',
  ]) {
    assert.not(isSecureUrl(new URL(url)), url);
  }
});

test.run();
