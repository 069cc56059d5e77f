# DKIM by Perl's Mail::DKIM (Debian: libmail-dkim-perl). FILE RECORDS: prints a line for each signature, its selector and "pass"
# or why not. RECORDS is a JSON file of TXT records by name, which stands in for DNS.
use strict;
use warnings;
use JSON::PP;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::RR;

my ($file, $records) = @ARGV;
my $answers = decode_json(do { local (@ARGV, $/) = ($records); <> });
{
    no warnings 'redefine';
    *Mail::DKIM::DNS::query = sub {
        my ($name, $type) = @_;
        my $text = $answers->{$name} or return ();
        my @strings = unpack('(A255)*', $text);
        return Net::DNS::RR->new(name => $name, type => 'TXT', txtdata => \@strings);
    };
}
my $verifier = Mail::DKIM::Verifier->new();
open(my $message, '<:raw', $file) or die $!;
while (my $line = <$message>) { $verifier->PRINT($line) }
$verifier->CLOSE;
print join(' ', $_->selector, $_->result_detail), "\n" for $verifier->signatures;
