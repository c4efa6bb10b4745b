<?php
// Ask a cache without pause and tell what came of it: how a PHP snippet of `connect` goes on.
//
// As drive.py: SET and GET of rotating keys until standard input ends, `ready` on the first good
// answer, one JSON object as the last line. Times are CLOCK_MONOTONIC, as Python's time.monotonic.

function drive(object $client): void
{
    $now = fn (): float => hrtime(true) / 1e9;
    $ok = $errors = $number = 0;
    $longest = $longest_at = $last = 0.0;
    $texts = [];
    while (true) {
        $readable = [STDIN];
        $none = null;
        if (stream_select($readable, $none, $none, 0, 5000) && feof_after_read()) {
            break;
        }
        $number += 1;
        $key = getenv('CLIENT_NAME') . '-' . $number % 100;
        $value = getmypid() . '-' . $number; // no other run has written it
        try {
            $client->set($key, $value);
            $answer = $client->get($key);
            if ($answer !== $value) {
                throw new UnexpectedValueException("GET answered " . var_export($answer, true));
            }
            $at = $now();
            if ($ok === 0) {
                echo "ready\n";
            } elseif ($at - $last > $longest) {
                [$longest, $longest_at] = [$at - $last, $last];
            }
            $ok += 1;
            $last = $at;
        } catch (Throwable $error) {
            $errors += 1;
            if (count($texts) < 5) {
                $said = preg_replace('/\s+/', ' ', $error->getMessage());
                $texts[] = [$now(), get_class($error) . ': ' . substr($said, 0, 280)];
            }
        }
    }
    $at = $now();
    if ($ok > 0 && $at - $last > $longest) { // a client that never came back shows as a long gap
        [$longest, $longest_at] = [$at - $last, $last];
    }
    echo json_encode([
        'ok' => $ok, 'errors' => $errors, 'texts' => $texts, 'hung' => false,
        'longest_ms' => round($longest * 1000, 1), 'longest_at' => $longest_at,
        'silent_ms' => $ok > 0 ? round(($at - $last) * 1000, 1) : 0.0,
    ]), "\n";
}

function feof_after_read(): bool
{
    return fread(STDIN, 1) === '' && feof(STDIN);
}
