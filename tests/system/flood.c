/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends COUNT datagrams to port 9 of ADDRESS, as fast as they go. What is not
 * taken is lost.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char data[64];
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };

	if (argc != 3 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: flood COUNT ADDRESS\n");
		return 2;
	}

	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) {
		perror("flood: cannot open a socket");
		return 1;
	}
	for (long n = strtol(argv[1], NULL, 10); n > 0; n--)
		(void)!sendto(fd, data, sizeof(data), 0, (struct sockaddr *)&to,
			      sizeof(to));
	close(fd);
	return 0;
}
