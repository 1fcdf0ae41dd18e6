package main

import (
	"bufio"
	"context"
	"io"
	"log"
	"os/exec"
	"strings"

	"github.com/kurin/blazer/b2"
)

func main() {
	// an emulator for the time of this program
	emulator := exec.Command("b2kit-emulator", "--port", "0", "--bucket", "holiday-photos")
	out, err := emulator.StdoutPipe()
	check(err)
	check(emulator.Start())
	defer emulator.Process.Kill()
	settings := map[string]string{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		settings[name] = value
		if strings.Contains(lines.Text(), "Ctrl-C") {
			break
		}
	}

	ctx := context.Background()
	client, err := b2.NewClient(ctx, settings["B2_APPLICATION_KEY_ID"], settings["B2_APPLICATION_KEY"],
		b2.APIBase(settings["B2_ENVIRONMENT"]))
	check(err)
	bucket, err := client.Bucket(ctx, "holiday-photos")
	check(err)
	writer := bucket.Object("2026/cat.txt").NewWriter(ctx)
	_, err = io.WriteString(writer, "meow")
	check(err)
	check(writer.Close())
	reader := bucket.Object("2026/cat.txt").NewReader(ctx)
	cat, err := io.ReadAll(reader)
	check(err)
	if string(cat) != "meow" {
		log.Panicf("%q", cat)
	}
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}
