/*
 * test_trust.c
 *		TLS, against "openssl s_server" where there is one.
 *
 * It serves a file "reply" from a directory with certificates made for the
 * occasion.
 */
#include "httptest.h"

static char tls_dir[] = "/tmp/bcd_test_trust_XXXXXX";

static bool
make_certificates(void)
{
	char		command[2048];

	if (mkdtemp(tls_dir) == NULL)
		return false;
	snprintf(command, sizeof(command),
			 "cd %s && exec >openssl.log 2>&1 && printf '{\"tls\":true}' >reply && "
			 "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes' && "
			 "openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=bcdelta-test -days 2 && "
			 "for host in localhost elsewhere; do "
			 "openssl req $key -keyout $host.key -out $host.csr -subj /CN=$host && "
			 "echo subjectAltName=DNS:$host >$host.ext && "
			 "openssl x509 -req -in $host.csr -CA ca.pem -CAkey ca.key -CAcreateserial "
			 "-extfile $host.ext -days 2 -out $host.pem || exit 1; done", tls_dir);
	return system(command) == 0;
}

/* The process of a server with that host's certificate, once it answers */
static pid_t
start_tls(const char *host, const char *protocol, int *tls_port)
{
	int			listener;
	int			tries;
	char		accept_at[32];
	char		cert[64];
	char		key[64];
	pid_t		pid;
	struct sockaddr_in address;

	*tls_port = listen_somewhere(&listener);
	close(listener);
	snprintf(accept_at, sizeof(accept_at), "127.0.0.1:%d", *tls_port);
	snprintf(cert, sizeof(cert), "%s.pem", host);
	snprintf(key, sizeof(key), "%s.key", host);
	pid = fork();
	if (pid == 0)
	{
		if (chdir(tls_dir) != 0 || freopen("server.log", "a", stdout) == NULL ||
			freopen("server.log", "a", stderr) == NULL)
			_exit(1);
		execlp("openssl", "openssl", "s_server", "-accept", accept_at, "-cert", cert, "-key", key,
			   "-cipher", "DEFAULT@SECLEVEL=0", protocol, "-WWW", (char *) NULL);
		_exit(1);
	}
	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(*tls_port);
	for (tries = 0; tries < 200; tries++)
	{
		int			fd = socket(AF_INET, SOCK_STREAM, 0);
		int			rc = connect(fd, (struct sockaddr *) &address, sizeof(address));

		close(fd);
		if (rc == 0)
			break;
		usleep(20000);
	}
	return pid;
}

static void
tls_request(int tls_port, const char *ca_file, BcdHttpFate fate, const char *error, const char *name)
{
	char		url[128];
	BcdHttpTarget tls_target = {"secret-token", ca_file, 5000, false};
	BcdHttpRequest *request;

	tls_target.loopback = true; /* no proxy */
	snprintf(url, sizeof(url), "https://localhost:%d/reply", tls_port);
	request = bcd_http_request("GET", url, NULL);
	bcd_http_start(request, &tls_target);
	if (next_done() != request)
		printf("Bail out! another request\n");
	is_int(request->fate, fate, name);
	ok(strstr(request->error, error) != NULL, "%s: \"%s\"", name, request->error);
	if (fate == BCD_HTTP_REPLIED)
		is_text(request->reply, "{\"tls\":true}", name);
	bcd_http_free(request);
}

static void
test_tls(void)
{
	char		ca_file[128];
	char		other_file[128];
	char		command[512];
	int			tls_port;
	pid_t		pid;

	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", tls_dir);
	snprintf(other_file, sizeof(other_file), "%s/other.pem", tls_dir);

	pid = start_tls("localhost", "-tls1_2", &tls_port);
	tls_request(tls_port, NULL, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"an unknown authority");
	tls_request(tls_port, ca_file, BCD_HTTP_REPLIED, "", "with ca_file");
	tls_request(tls_port, NULL, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"not without it, though a connection is open");

	/* the file changes under us */
	snprintf(command, sizeof(command), "cp %s %s", ca_file, other_file);
	ok(system(command) == 0, "copied");
	tls_request(tls_port, other_file, BCD_HTTP_REPLIED, "", "another ca_file");
	snprintf(command, sizeof(command), "echo nothing >%s", other_file);
	ok(system(command) == 0, "emptied");
	tls_request(tls_port, other_file, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"a ca_file without the authority");
	snprintf(command, sizeof(command), "cp %s %s", ca_file, other_file);
	ok(system(command) == 0, "copied again");
	tls_request(tls_port, other_file, BCD_HTTP_REPLIED, "", "and with it again");
	snprintf(command, sizeof(command), "rm %s", other_file);
	ok(system(command) == 0, "removed");
	tls_request(tls_port, other_file, BCD_HTTP_NOT_SENT, "could not read ca_file", "and without a file");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);

	pid = start_tls("elsewhere", "-tls1_2", &tls_port);
	tls_request(tls_port, ca_file, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"another host's certificate");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);

	pid = start_tls("localhost", "-tls1_1", &tls_port);
	tls_request(tls_port, ca_file, BCD_HTTP_NOT_SENT, "could not make a secure connection: ",
				"a protocol that is too old");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);

	snprintf(command, sizeof(command), "rm -r %s", tls_dir);
	ok(system(command) == 0, "cleaned up");
}

int
main(void)
{
	sigfillset(&BlockSig);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!make_certificates())
	{
		printf("1..0 # SKIP no openssl\n");
		return 0;
	}
	test_tls();
	return tap_done();
}
