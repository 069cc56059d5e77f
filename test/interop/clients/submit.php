<?php
// Sends one message with PHPMailer and writes it to standard output, in base64. What to do comes as JSON on standard input.

require '/usr/share/php/libphp-phpmailer/autoload.php';

use PHPMailer\PHPMailer\OAuthTokenProvider;
use PHPMailer\PHPMailer\PHPMailer;

$given = json_decode(stream_get_contents(STDIN), false, 512, JSON_THROW_ON_ERROR);

class GivenToken implements OAuthTokenProvider
{
    public function __construct(private string $user, private string $token)
    {
    }

    public function getOauth64()
    {
        return base64_encode("user={$this->user}\1auth=Bearer {$this->token}\1\1");
    }
}

$mail = new PHPMailer(true);
$mail->isSMTP();
$mail->Host = 'localhost';
$mail->Port = $given->port;
$mail->SMTPSecure = $given->tls === 'implicit' ? PHPMailer::ENCRYPTION_SMTPS : PHPMailer::ENCRYPTION_STARTTLS;
$mail->SMTPOptions = ['ssl' => ['cafile' => $given->ca]];
$mail->Timeout = 20;
$mail->SMTPDebug = 2;
$mail->Debugoutput = fn (string $line) => fwrite(STDERR, "$line\n");
$mail->SMTPAuth = true;
$mail->AuthType = $given->mechanism;
$mail->setOAuth(new GivenToken($given->user, $given->token));
$mail->setFrom($given->mailFrom, 'Postern Tester');
foreach ($given->recipients as $recipient) {
    $mail->addAddress($recipient);
}
$mail->CharSet = PHPMailer::CHARSET_UTF8;
$mail->Encoding = PHPMailer::ENCODING_8BIT;
$mail->Subject = $given->subject;
$mail->Body = $given->body;

try {
    $mail->send();
    echo base64_encode($mail->getSentMIMEMessage());
} catch (Exception $error) {
    fwrite(STDERR, "{$error->getMessage()}\n");
    exit(1);
}
