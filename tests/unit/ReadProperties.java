import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Properties;
import java.util.Scanner;

/** Reads names of files from standard input; answers each with one line: its properties, key and value in UTF-16, as hexadecimal digits. */
public class ReadProperties {
    public static void main(String[] arguments) throws Exception {
        Scanner names = new Scanner(System.in, StandardCharsets.UTF_8);
        while (names.hasNextLine()) {
            Properties properties = new Properties();
            try (InputStream file = new FileInputStream(names.nextLine())) {
                properties.load(file);
            }
            StringBuilder answer = new StringBuilder();
            for (String key : properties.stringPropertyNames()) {
                answer.append(hex(key)).append('=').append(hex(properties.getProperty(key))).append(' ');
            }
            System.out.println(answer);
        }
    }

    private static String hex(String text) {
        byte[] bytes = new byte[text.length() * 2];
        for (int at = 0; at < text.length(); at++) {
            bytes[2 * at] = (byte) (text.charAt(at) >> 8);
            bytes[2 * at + 1] = (byte) text.charAt(at);
        }
        return HexFormat.of().formatHex(bytes);
    }
}
